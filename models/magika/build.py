"""Builds Magika: what kind of file some bytes are, as plain tensors."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402

_PACKAGE = "magika"
_SOURCE = "magika/models/standard_v3_3"


def main() -> None:
    sources, directory = build_arguments(__doc__)
    source = sources.find(_SOURCE, _PACKAGE)
    stated = json.loads((source / "config.min.json").read_text(encoding="utf-8"))
    labels = stated.pop("target_labels_space")
    directory.copy(source / "model.onnx", "onnx/model.onnx")
    directory.write_json(
        "config.json",
        {
            "model_type": "magika",
            "id2label": {str(index): label for index, label in enumerate(labels)},
            "reading": stated,
        },
    )
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

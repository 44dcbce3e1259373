"""Builds Silero VAD: whether somebody speaks, as plain tensors."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402

_PACKAGE = "silero-vad"
_SOURCE = "silero_vad/data/silero_vad.onnx"


def main() -> None:
    sources, directory = build_arguments(__doc__)
    directory.copy(sources.find(_SOURCE, _PACKAGE), "onnx/model.onnx")
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

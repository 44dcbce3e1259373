"""Builds PP-OCRv4: printed text in pictures, Chinese and English."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.published import Published  # noqa: E402

_PACKAGE = "rapidocr-onnxruntime"
_SOURCE = "rapidocr_onnxruntime/models"

#: Name in the package, name here, axes of the input, its output, and the output's axes.
_PARTS = [
    (
        "ch_PP-OCRv4_det_infer.onnx",
        "detect",
        ["batch", 3, "height", "width"],
        "sigmoid_0.tmp_0",
        ["batch", 1, "height", "width"],
    ),
    (
        "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "orient",
        ["batch", 3, 48, 192],
        "save_infer_model/scale_0.tmp_1",
        ["batch", 2],
    ),
    (
        "ch_PP-OCRv4_rec_infer.onnx",
        "recognize",
        ["batch", 3, 48, "width"],
        "softmax_11.tmp_0",
        ["batch", "steps", 6625],
    ),
]


def main() -> None:
    sources, directory = build_arguments(__doc__)
    for file, name, input_axes, output, output_axes in _PARTS:
        model = Published(sources.find(f"{_SOURCE}/{file}", _PACKAGE))
        model.input("x", "x", input_axes)
        model.output(output, "probabilities", output_axes)
        model.save(directory.path / "onnx" / f"{name}.onnx")
    # One character a line, as PaddleOCR writes its dictionaries: class 0 is the blank before the
    # first line, and the last class is the space, which has no line.
    directory.write_text("alphabet.txt", model.metadata("character"))
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

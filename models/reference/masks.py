"""Reference masks: what stands in front, and what every place shows.

masks.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from comparison import run
from digest import digest
from preparation import IMAGES, Steps, open_rgb

_PICTURES = [
    "photo-astronaut.png",
    "photo-cat.png",
    "photo-coffee.png",
    "photo-rocket.png",
    "checkerboard.png",
    "large-flat.png",
    "one-pixel-wide.png",
    "rgba.png",
    "grey.png",
    "faces/two.png",
    "shapes/overlapping.png",
    "shapes/wide.png",
]

#: Places of the map of classes that are told, along each side.
_PLACES = 24


class Masker:
    """A built model that gives a field over a picture."""

    def __init__(self, directory: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            directory / "onnx" / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        self._steps = Steps(directory)

    def field(self, picture: Image.Image) -> np.ndarray:
        """[channels, height, width], smaller or larger than the picture."""
        pixels, _ = self._steps.stretched(picture)
        return self._session.run(None, {"pixel_values": pixels})[0][0]


def background_removal(directory: Path) -> dict:
    """Per picture: the mask as the model gives it, and the alpha at the picture's size.

    The mask is resized as Pillow does (bilinear, mode F), then 0 to 1 becomes 0 to 255, rounded.
    """
    model = Masker(directory)
    cases = []
    for file in _PICTURES:
        picture = open_rgb(file)
        mask = model.field(picture)[0]
        resized = Image.fromarray(mask).resize(picture.size, Image.Resampling.BILINEAR)
        alpha = np.clip(np.round(np.asarray(resized) * 255), 0, 255)
        cases.append({"file": file, "mask": digest(mask), "alpha": digest(alpha)})
    return {"model": directory.name, "cases": cases}


def upwards(field: np.ndarray, width: int, height: int) -> np.ndarray:
    """[channels, height, width] resized bilinearly as PyTorch does (corners not aligned)."""
    for axis, length in ((1, height), (2, width)):
        old = field.shape[axis]
        at = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0, old - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, old - 1)
        share = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
        field = field.take(low, axis) * (1 - share) + field.take(high, axis) * share
    return field


def segmentation(directory: Path) -> dict:
    """Per picture, as Hugging Face's post_process_semantic_segmentation: the class of every pixel.

    Told are how many pixels each class has, and the classes at places evenly spread.
    """
    model = Masker(directory)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    labels = list(config["id2label"].values())
    cases = []
    # Pictures smaller than the model's own map would need a rule for making it smaller.
    shapes = sorted(path for path in (IMAGES / "shapes").glob("*.png") if path.stem != "line")
    for file in [*(f"shapes/{path.name}" for path in shapes), "photo-cat.png", "photo-rocket.png"]:
        picture = open_rgb(file)
        logits = model.field(picture)
        classes = upwards(logits, *picture.size).argmax(axis=0)
        counts = np.bincount(classes.reshape(-1), minlength=len(labels))
        rows, columns = (
            (np.arange(_PLACES) * length + length // 2) // _PLACES for length in classes.shape
        )
        cases.append(
            {
                "file": file,
                "logits": [digest(channel) for channel in logits],
                "pixels": {label: int(count) for label, count in zip(labels, counts)},
                "places": ["".join(map(str, row)) for row in classes[np.ix_(rows, columns)]],
            }
        )
    return {"model": directory.name, "labels": labels, "cases": cases}


if __name__ == "__main__":
    run(
        __doc__.splitlines()[0],
        {
            "u2netp": background_removal,
            "toy-segformer": segmentation,
            "isnet-small": background_removal,
        },
    )

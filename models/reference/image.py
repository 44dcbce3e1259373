"""Reference outputs of the image model, from Pillow and Python's ONNX Runtime.

Pictures are prepared as `preprocessor_config.json` says, and run alone.

image.py --models DIR           write expected/
image.py --models DIR --check   compare with expected/
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from comparison import HERE, numbers, run


class ImageModel:
    """A built image classifier, run on one picture at a time."""

    def __init__(self, directory: Path) -> None:
        self._session = onnxruntime.InferenceSession(
            directory / "onnx" / "model.onnx", providers=["CPUExecutionProvider"]
        )
        text = (directory / "preprocessor_config.json").read_text(encoding="utf-8")
        self._steps = json.loads(text)

    def logits(self, picture: Image.Image) -> np.ndarray:
        """The logits of one picture."""
        pixels = self.pixels(picture)[None]
        return self._session.run(["logits"], {"pixel_values": pixels})[0][0]

    def pixels(self, picture: Image.Image) -> np.ndarray:
        """[3, height, width] as the model takes it."""
        steps = self._steps
        rgb = to_rgb(picture)
        resized = resize_shortest(rgb, steps["size"]["shortest_edge"], steps["resample"])
        crop = steps["crop_size"]
        cropped = crop_centre(resized, crop["width"], crop["height"])
        scaled = np.asarray(cropped, np.float32) * np.float32(steps["rescale_factor"])
        mean = np.array(steps["image_mean"], np.float32)
        deviation = np.array(steps["image_std"], np.float32)
        return np.ascontiguousarray(((scaled - mean) / deviation).transpose(2, 0, 1))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Three channels; transparency is dropped, not blended, as Hugging Face's processors do."""
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def resize_shortest(picture: Image.Image, edge: int, resample: int) -> Image.Image:
    """The shorter side becomes `edge`; the longer one is cut down to a whole number."""
    width, height = picture.size
    shorter, longer = min(width, height), max(width, height)
    scaled = int(edge * longer / shorter)
    size = (edge, scaled) if width <= height else (scaled, edge)
    return picture.resize(size, resample=resample)


def crop_centre(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of a picture that is at least as large; an odd rest goes right and below."""
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def classification(directory: Path) -> dict:
    """Per picture: all logits and the best label."""
    model = ImageModel(directory)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    cases = []
    for path in sorted((HERE / "images").glob("*.png")):
        with Image.open(path) as picture:
            logits = model.logits(picture)
        label = config["id2label"][str(logits.argmax())]
        cases.append({"file": path.name, "label": label, "logits": numbers(logits)})
    return {"model": directory.name, "cases": cases}


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"efficientnet-lite0": classification})

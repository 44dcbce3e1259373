"""Reference outputs of models that say something of a whole picture.

Pictures are prepared with Pillow as `preprocessor_config.json` says, and run alone.

image.py --models DIR           write expected/
image.py --models DIR --check   compare with expected/
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from comparison import HERE, numbers, run


class ImageModel:
    """A built model, run on one picture at a time."""

    def __init__(self, directory: Path) -> None:
        self._session = onnxruntime.InferenceSession(
            directory / "onnx" / "model.onnx", providers=["CPUExecutionProvider"]
        )
        text = (directory / "preprocessor_config.json").read_text(encoding="utf-8")
        self._steps = json.loads(text)
        manifest = directory / "forebay.toml"
        stated = tomllib.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
        self._bgr = stated.get("image", {}).get("bgr", False)
        (self._input,) = self._session.get_inputs()

    def output(self, picture: Image.Image) -> np.ndarray:
        """The model's only output for one picture."""
        pixels = self.pixels(picture)
        # Some models take row after row of whole pixels, not channel after channel.
        if self._input.shape[1] == 3:
            pixels = pixels.transpose(2, 0, 1)
        feed = {self._input.name: np.ascontiguousarray(pixels[None])}
        return self._session.run(None, feed)[0][0]

    def pixels(self, picture: Image.Image) -> np.ndarray:
        """[height, width, 3] as the model takes it."""
        steps = self._steps
        rgb = to_rgb(picture)
        resized = resize(rgb, steps["size"], steps["resample"])
        crop = steps["crop_size"]
        cropped = crop_centre(resized, crop["width"], crop["height"])
        values = np.asarray(cropped, np.float32)
        values = values[..., ::-1] if self._bgr else values
        scaled = values * np.float32(steps["rescale_factor"])
        mean = np.array(steps["image_mean"], np.float32)
        deviation = np.array(steps["image_std"], np.float32)
        return (scaled - mean) / deviation


def to_rgb(picture: Image.Image) -> Image.Image:
    """Three channels; transparency is dropped, not blended, as Hugging Face's processors do."""
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def resize(picture: Image.Image, size: dict[str, int], resample: int) -> Image.Image:
    """To a width and height, or in its shape until the shorter side is so long."""
    if "shortest_edge" in size:
        return resize_shortest(picture, size["shortest_edge"], resample)
    return picture.resize((size["width"], size["height"]), resample=resample)


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
            logits = model.output(picture)
        label = config["id2label"][str(logits.argmax())]
        cases.append({"file": path.name, "label": label, "logits": numbers(logits)})
    return {"model": directory.name, "cases": cases}


def embedding(directory: Path) -> dict:
    """Per picture: the vector as the model gives it, and at length one."""
    model = ImageModel(directory)
    cases = []
    for path in sorted((HERE / "images").glob("*.png")):
        with Image.open(path) as picture:
            raw = model.output(picture)
        unit = raw / np.linalg.norm(raw)
        cases.append({"file": path.name, "raw": numbers(raw), "embedding": numbers(unit)})
    return {"model": directory.name, "cases": cases}


if __name__ == "__main__":
    run(
        __doc__.splitlines()[0],
        {
            "efficientnet-lite0": classification,
            "opennsfw": classification,
            "toy-clip": embedding,
        },
    )

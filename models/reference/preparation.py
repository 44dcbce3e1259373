"""Pictures as models take them, and the way back to the picture's own pixels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from comparison import HERE

IMAGES = HERE / "images"

#: The grey around a picture that keeps its shape.
PAD = 114


@dataclass(frozen=True)
class View:
    """How a picture was brought to a model's size: its own pixel is (model's - shift) / scale."""

    width: int
    height: int
    scale_x: float
    scale_y: float
    left: int = 0
    top: int = 0

    def back(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (left, top, right, bottom), or points (x, y), in pixels of the picture, cut at its edges."""
        pairs = boxes.reshape(len(boxes), boxes.shape[1] // 2, 2).astype(np.float64)
        pairs = (pairs - [self.left, self.top]) / [self.scale_x, self.scale_y]
        return np.clip(pairs, 0, [self.width, self.height]).reshape(boxes.shape)


def open_rgb(file: str) -> Image.Image:
    """A reference picture; transparency is dropped, not blended."""
    with Image.open(IMAGES / file) as picture:
        return picture.convert("RGB")


def stretch(picture: Image.Image, width: int, height: int, resample: int) -> tuple[Image.Image, View]:
    """The whole picture on the whole of the model's size."""
    view = View(*picture.size, width / picture.width, height / picture.height)
    return picture.resize((width, height), resample=resample), view


def letterbox(picture: Image.Image, side: int, *, centred: bool) -> tuple[Image.Image, View]:
    """The picture in its shape on grey, in the middle (sides rounded) or top left (cut off)."""
    scale = min(side / picture.width, side / picture.height)
    whole = round if centred else int
    width, height = (max(1, whole(length * scale)) for length in picture.size)
    left, top = ((side - width) // 2, (side - height) // 2) if centred else (0, 0)
    canvas = Image.new("RGB", (side, side), (PAD, PAD, PAD))
    canvas.paste(picture.resize((width, height), Image.Resampling.BILINEAR), (left, top))
    return canvas, View(*picture.size, scale, scale, left, top)


def planes(picture: Image.Image, scale: float = 1.0, *, bgr: bool = False) -> np.ndarray:
    """[1, 3, height, width]."""
    values = np.asarray(picture, np.float32) * np.float32(scale)
    values = values[..., ::-1] if bgr else values
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


class Steps:
    """What a model's `preprocessor_config.json` asks for."""

    def __init__(self, directory: Path) -> None:
        text = (directory / "preprocessor_config.json").read_text(encoding="utf-8")
        self.stated = json.loads(text)

    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.stated["size"]["width"], self.stated["size"]["height"]

    def planes(self, picture: Image.Image) -> np.ndarray:
        """[1, 3, height, width] of a picture that has its size, scaled and normalised."""
        scale = self.stated["rescale_factor"] if self.stated["do_rescale"] else 1
        values = np.asarray(picture, np.float32) * np.float32(scale)
        if self.stated["do_normalize"]:
            mean = np.array(self.stated["image_mean"], np.float32)
            values = (values - mean) / np.array(self.stated["image_std"], np.float32)
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None], np.float32)

    def stretched(self, picture: Image.Image) -> tuple[np.ndarray, View]:
        """[1, 3, height, width] of a picture stretched to the stated size."""
        resized, view = stretch(picture, *self.size(), self.stated["resample"])
        return self.planes(resized), view

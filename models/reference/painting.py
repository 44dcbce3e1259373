"""Reference pictures made of pictures: styles, and twice as large.

painting.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from comparison import run
from digest import digest
from preparation import open_rgb, planes

_STYLES = 26
#: The network halves a picture twice.
_MULTIPLE = 4

#: More than what a pixel of the enlarged picture depends on.
_MARGIN = 16

#: Picture, and styles with their shares.
_PAINTED = [
    ("photo-cat.png", {0: 1.0}),
    ("photo-cat.png", {19: 1.0}),
    ("photo-cat.png", {3: 0.5, 12: 0.5}),
    ("photo-coffee.png", {7: 1.0}),
    ("photo-astronaut.png", {25: 1.0}),
    ("photo-rocket.png", {11: 1.0}),
    ("gradient-portrait.png", {4: 1.0}),
    ("rgba.png", {8: 1.0}),
    ("grey.png", {13: 1.0}),
    ("palette.png", {21: 1.0}),
    ("faces/turned.png", {16: 0.25, 2: 0.75}),
    ("shapes/high.png", {5: 1.0}),
]

_ENLARGED = [
    "photo-cat.png",
    "photo-rocket.png",
    "gradient-224x224.png",
    "gradient-portrait.png",
    "checkerboard.png",
    "one-pixel.png",
    "one-pixel-wide.png",
    "palette.png",
    "rgba.png",
    "shapes/one.png",
    "shapes/line.png",
]


def _picture(values: np.ndarray) -> np.ndarray:
    """[1, 3, height, width] from 0 to 1 as rows of bytes."""
    rows = values[0].transpose(1, 2, 0)
    return (np.clip(rows, 0, 1) * 255 + 0.5).astype(np.uint8)


def styles(directory: Path) -> dict:
    """Per picture: the painted one. Sides are reflected up to a multiple of four, and cut again."""
    session = onnxruntime.InferenceSession(
        directory / "onnx" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    cases = []
    for file, shares in _PAINTED:
        picture = open_rgb(file)
        pixels = planes(picture, 1 / 255)
        below, right = (-length % _MULTIPLE for length in pixels.shape[2:])
        padded = np.pad(pixels, ((0, 0), (0, 0), (0, below), (0, right)), mode="reflect")
        weights = np.array([shares.get(index, 0) for index in range(_STYLES)], np.float32)
        (made,) = session.run(None, {"image": padded, "style_weights": weights})
        painted = _picture(made[:, :, : picture.height, : picture.width])
        told = {str(index): share for index, share in shares.items()}
        cases.append({"file": file, "styles": told, "picture": digest(painted)})
    return {"model": directory.name, "cases": cases}


def enlarging(directory: Path) -> dict:
    """Per picture: the one twice as large, made whole: reflected around, and cut again.

    Tiles that overlap by more than a few pixels give the same.
    """
    model = onnx.load(directory / "onnx" / "model.onnx")
    for edge in (*model.graph.input, *model.graph.output):
        for index, axis in enumerate(edge.type.tensor_type.shape.dim):
            axis.dim_param = f"{edge.name}.{index}"
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    cases = []
    for file in _ENLARGED:
        picture = open_rgb(file)
        margin = [(0, 0), (0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)]
        padded = np.pad(planes(picture, 1 / 255), margin, mode="reflect")
        (made,) = session.run(None, {"pixel_values": padded})
        inside = made[:, :, 2 * _MARGIN : -2 * _MARGIN, 2 * _MARGIN : -2 * _MARGIN]
        cases.append({"file": file, "picture": digest(_picture(inside))})
    return {"model": directory.name, "cases": cases}


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"style-transfer-26": styles, "toy-upscale-x2": enlarging})

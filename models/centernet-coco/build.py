"""Builds CenterNet on MobileNetV3: the 80 things of COCO in pictures."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.graph import Graph  # noqa: E402
from convert.labels import named  # noqa: E402
from convert.preparation import AS_BYTES, AS_THEY_ARE, BILINEAR, square  # noqa: E402
from convert.tfjs import GraphModel, Translation  # noqa: E402

_PACKAGE = "@vladmandic/human"
_SOURCE = "package/models/centernet.json"

_SIDE = 512
#: Pixels of the picture to one place of the heat map.
_STRIDE = 4
_ACROSS = _SIDE // _STRIDE
_CLASSES = 80
#: As many detections as the original gives.
_BEST = 100

_PREPROCESSOR = square(_SIDE, BILINEAR) | AS_BYTES | AS_THEY_ARE

_LABELS = (
    "person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant "
    "stop_sign parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe "
    "backpack umbrella handbag tie suitcase frisbee skis snowboard sports_ball kite "
    "baseball_bat baseball_glove skateboard surfboard tennis_racket bottle wine_glass cup fork "
    "knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut cake "
    "chair couch potted_plant bed dining_table toilet tv laptop mouse remote keyboard "
    "cell_phone microwave oven toaster sink refrigerator book clock vase scissors teddy_bear "
    "hair_drier toothbrush"
).split()

_CONFIG = {"model_type": "centernet", "num_channels": 3} | named(
    [label.replace("_", " ") for label in _LABELS]
)


def detector_graph(model: GraphModel) -> Graph:
    """Pictures to `detections` [batch, 100, 6]: a box in pixels, its score, its class."""
    graph = Graph("centernet")
    images = graph.input("images", TensorProto.FLOAT, ["batch", _SIDE, _SIDE, 3])
    planes = graph.op("Transpose", images, perm=[0, 3, 1, 2])
    nodes = Translation(model, graph, {"tower_0/images": planes})
    # The heat map with everything but its peaks at zero, and how far each box reaches from a
    # place to the left, top, right and bottom.
    heat = nodes.value("tower_0/mul_1")
    reach = nodes.value("tower_0/wh")
    scores, found = _best(graph, heat)
    places = graph.constant("places", [_ACROSS * _ACROSS])
    classes = graph.op("Div", found, places)
    place = graph.op("Mod", found, places)
    box = _boxes(graph, place, reach)
    last = graph.constant("last", [-1])
    score = graph.op("Unsqueeze", scores, last)
    label = graph.op("Cast", graph.op("Unsqueeze", classes, last), to=TensorProto.FLOAT)
    detections = graph.op("Concat", box, score, label, axis=2)
    graph.output(detections, "detections", ["batch", _BEST, 6])
    return graph


def _best(graph: Graph, heat: str) -> tuple[str, str]:
    """Scores and places of the best peaks; a place counts class after class."""
    flat = graph.op("Reshape", heat, graph.constant("flat", [0, -1]))
    return graph.several("TopK", 2, flat, graph.constant("best", [_BEST]), axis=1)


def _boxes(graph: Graph, place: str, reach: str) -> str:
    """[batch, 100, 4]: left, top, right, bottom."""
    across, last = graph.constant("across", [_ACROSS]), graph.constant("last", [-1])
    column = graph.op("Unsqueeze", graph.op("Mod", place, across), last)
    row = graph.op("Unsqueeze", graph.op("Div", place, across), last)
    cell = graph.op("Cast", graph.op("Concat", column, row, axis=2), to=TensorProto.FLOAT)
    centre = graph.op("Mul", cell, graph.constant("stride", np.float32(_STRIDE)))
    lists = graph.op("Reshape", reach, graph.constant("lists", [0, 4, -1]))
    by_place = graph.op("Transpose", lists, perm=[0, 2, 1])
    index = graph.op("Unsqueeze", place, last)
    sides = graph.op("GatherND", by_place, index, batch_dims=1)
    before, after = graph.several("Split", 2, sides, graph.constant("halves", [2, 2]), axis=2)
    corner, opposite = graph.op("Sub", centre, before), graph.op("Add", centre, after)
    return graph.op("Concat", corner, opposite, axis=2)


def main() -> None:
    sources, directory = build_arguments(__doc__)
    model = GraphModel(sources.find(_SOURCE, _PACKAGE))
    directory.write_graph(detector_graph(model))
    directory.finish(HERE / "forebay.toml", _PREPROCESSOR, _CONFIG)


if __name__ == "__main__":
    main()

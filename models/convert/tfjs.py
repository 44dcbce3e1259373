"""TensorFlow.js graph models: their weights, and the convolutional ones as ONNX.

Such a graph keeps pictures as rows of pixels (NHWC). Here every value is kept channel after
channel (NCHW), which the operators of ONNX want; constants that are combined with pictures must
be single numbers, which have no order.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from onnx import TensorProto

from .graph import Graph

_SAME = {"SAME": "SAME_UPPER", "VALID": "VALID"}


class GraphModel:
    """The nodes and weights of a `model.json`."""

    def __init__(self, path: Path) -> None:
        stored = json.loads(path.read_text(encoding="utf-8"))
        self.nodes = {node["name"]: node for node in stored["modelTopology"]["node"]}
        self.weights: dict[str, np.ndarray] = {}
        for group in stored["weightsManifest"]:
            data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
            self._read(group["weights"], data)

    def _read(self, entries: list[dict], data: bytes) -> None:
        at = 0
        for entry in entries:
            stored = np.dtype(entry.get("quantization", entry)["dtype"])
            count = int(np.prod(entry["shape"], dtype=np.int64))
            array = np.frombuffer(data, stored, count, at).reshape(entry["shape"])
            self.weights[entry["name"]] = array.astype(entry["dtype"])
            at += array.nbytes
        if at != len(data):
            raise ValueError(f"the weights take {at} bytes, and there are {len(data)}")


class Translation:
    """Writes the nodes that some outputs need into an ONNX graph."""

    def __init__(self, model: GraphModel, graph: Graph, inputs: dict[str, str]) -> None:
        """`inputs` maps the model's placeholders to NCHW values of the graph."""
        self._model = model
        self._graph = graph
        self._done = dict(inputs)

    def value(self, reference: str) -> str:
        """The graph's name for what a node gives, which is written first if it is not there."""
        name = reference.split(":")[0]
        if name not in self._done:
            node = self._model.nodes[name]
            write = _WRITERS.get(node["op"])
            if write is None:
                raise SystemExit(f"{name} is of kind {node['op']}, which is not understood")
            self._done[name] = write(self, node)
        return self._done[name]

    def _constant(self, node: dict) -> str:
        number = self._model.weights[node["name"]]
        if number.size != 1:
            raise SystemExit(f"{node['name']} is no single number")
        return self._graph.constant(node["name"], number.reshape(()))

    def _plain(self, kind: str) -> Callable[[dict], str]:
        def write(node: dict) -> str:
            return self._graph.op(kind, *(self.value(name) for name in node["input"]))

        return write

    def _clip6(self, x: str) -> str:
        zero = self._graph.constant("zero", np.float32(0))
        six = self._graph.constant("six", np.float32(6))
        return self._graph.op("Clip", x, zero, six)

    def _convolve(self, node: dict, depthwise: bool) -> str:
        source, kernel, *bias = node["input"]
        # From [height, width, in, out], or [height, width, channels, 1] where each has its own.
        order = (2, 3, 0, 1) if depthwise else (3, 2, 0, 1)
        weight = self._model.weights[kernel].transpose(order)
        fused = _strings(node, "fused_ops")
        inputs = [self.value(source), self._graph.constant(kernel, weight)]
        if "BiasAdd" in fused:
            inputs.append(self._graph.constant(bias[0], self._model.weights[bias[0]]))
        y = self._graph.op(
            "Conv",
            *inputs,
            strides=_integers(node, "strides")[1:3],
            dilations=_integers(node, "dilations")[1:3],
            group=weight.shape[0] if depthwise else 1,
            auto_pad=_padding(node),
            kernel_shape=list(weight.shape[2:]),
        )
        return self._graph.op("Relu", y) if "Relu" in fused else y

    def _mean(self, node: dict) -> str:
        source, axes = node["input"]
        if sorted(self._model.weights[axes].tolist()) != [1, 2]:
            raise SystemExit(f"{node['name']} is not the mean over a picture")
        return self._graph.op("GlobalAveragePool", self.value(source))

    def _concatenate(self, node: dict) -> str:
        *parts, axis = node["input"]
        if int(self._model.weights[axis]) != 3:
            raise SystemExit(f"{node['name']} does not join channels")
        return self._graph.op("Concat", *(self.value(part) for part in parts), axis=1)

    def _double(self, node: dict) -> str:
        """The only resizing there is: twice as large, from the corner, as TensorFlow 1 did it."""
        scales = self._graph.constant("double", np.array([1, 1, 2, 2], np.float32))
        return self._graph.op(
            "Resize",
            self.value(node["input"][0]),
            "",
            scales,
            mode="linear",
            coordinate_transformation_mode="asymmetric",
        )

    def _pool(self, node: dict) -> str:
        return self._graph.op(
            "MaxPool",
            self.value(node["input"][0]),
            kernel_shape=_integers(node, "ksize")[1:3],
            strides=_integers(node, "strides")[1:3],
            auto_pad=_padding(node),
        )


_WRITERS: dict[str, Callable[[Translation, dict], str]] = {
    "Const": Translation._constant,
    "Mean": Translation._mean,
    "ConcatV2": Translation._concatenate,
    "ResizeBilinear": Translation._double,
    "MaxPool": Translation._pool,
    "Conv2D": lambda self, node: self._convolve(node, depthwise=False),
    "_FusedConv2D": lambda self, node: self._convolve(node, depthwise=False),
    "DepthwiseConv2dNative": lambda self, node: self._convolve(node, depthwise=True),
    "FusedDepthwiseConv2dNative": lambda self, node: self._convolve(node, depthwise=True),
    "Identity": lambda self, node: self.value(node["input"][0]),
    "Relu6": lambda self, node: self._clip6(self.value(node["input"][0])),
    "Cast": lambda self, node: self._graph.op(
        "Cast", self.value(node["input"][0]), to=TensorProto.FLOAT
    ),
    "AddV2": lambda self, node: self._plain("Add")(node),
    **{
        kind: lambda self, node: self._plain(node["op"])(node)
        for kind in ("Add", "Sub", "Mul", "Relu", "Sigmoid", "Equal")
    },
}


def _integers(node: dict, name: str) -> list[int]:
    return [int(value) for value in node["attr"][name]["list"]["i"]]


def _strings(node: dict, name: str) -> list[str]:
    texts = node["attr"].get(name, {}).get("list", {}).get("s", [])
    return [base64.b64decode(text).decode() for text in texts]


def _padding(node: dict) -> str:
    return _SAME[base64.b64decode(node["attr"]["padding"]["s"]).decode()]

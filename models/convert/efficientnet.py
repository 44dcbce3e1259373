"""EfficientNet-Lite: a convolutional image classifier made for small devices."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from .graph import Graph

#: Lite0, per stage: expansion, stride of the first block, output channels, blocks.
_STAGES = [
    (1, 1, 16, 1),
    (6, 2, 24, 2),
    (6, 2, 40, 2),
    (6, 2, 80, 3),
    (6, 1, 112, 3),
    (6, 2, 192, 4),
    (6, 1, 320, 1),
]
_STEM_CHANNELS = 32
_STEM_STRIDE = 2
_BATCH_NORM_EPSILON = 1e-3
_SIDE = 224
_CLASSES = 1000

Tensors = dict[str, np.ndarray]


class _Network:
    """The convolutions of the network, each with its batch normalisation folded in."""

    def __init__(self, graph: Graph, tensors: Tensors) -> None:
        self._graph = graph
        self._tensors = tensors

    def convolve(
        self, x: str, name: str, norm: str, *, stride: int = 1, depthwise: bool = False
    ) -> str:
        """Convolution and normalisation, without an activation."""
        weight, bias = self._folded(name, norm)
        return self._graph.op(
            "Conv",
            x,
            self._graph.constant(f"{name}.weight", weight),
            self._graph.constant(f"{name}.bias", bias),
            strides=[stride, stride],
            group=weight.shape[0] if depthwise else 1,
            auto_pad="SAME_UPPER",
            kernel_shape=list(weight.shape[2:]),
        )

    def activate(self, x: str) -> str:
        """ReLU6."""
        zero = self._graph.constant("zero", np.float32(0))
        six = self._graph.constant("six", np.float32(6))
        return self._graph.op("Clip", x, zero, six)

    def block(self, x: str, name: str, expansion: int, stride: int, residual: bool) -> str:
        """An inverted bottleneck: expand, filter each channel, project."""
        y = x
        if expansion != 1:
            y = self.activate(self.convolve(y, f"{name}._expand_conv", f"{name}._bn0"))
        depthwise = f"{name}._depthwise_conv"
        y = self.convolve(y, depthwise, f"{name}._bn1", stride=stride, depthwise=True)
        y = self.convolve(self.activate(y), f"{name}._project_conv", f"{name}._bn2")
        return self._graph.op("Add", y, x) if residual else y

    def _folded(self, name: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
        get = self._tensors.__getitem__
        deviation = np.sqrt(get(f"{norm}.running_var") + np.float32(_BATCH_NORM_EPSILON))
        scale = get(f"{norm}.weight") / deviation
        bias = get(f"{norm}.bias") - get(f"{norm}.running_mean") * scale
        return get(f"{name}.weight") * scale[:, None, None, None], bias


def classifier_graph(tensors: Tensors) -> Graph:
    """`pixel_values` [batch, 3, 224, 224] to `logits` [batch, 1000]."""
    graph = Graph("efficientnet-lite0")
    network = _Network(graph, tensors)
    pixels = graph.input("pixel_values", TensorProto.FLOAT, ["batch", 3, _SIDE, _SIDE])
    x = network.convolve(pixels, "_conv_stem", "_bn0", stride=_STEM_STRIDE)
    x = network.activate(x)
    x = _blocks(network, x)
    x = network.activate(network.convolve(x, "_conv_head", "_bn1"))
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x))
    weight = graph.constant("classifier.weight", tensors["_fc.weight"])
    bias = graph.constant("classifier.bias", tensors["_fc.bias"])
    logits = graph.op("Gemm", x, weight, bias, transB=1)
    graph.output(logits, "logits", ["batch", _CLASSES])
    return graph


def _blocks(network: _Network, x: str) -> str:
    index = 0
    channels = _STEM_CHANNELS
    for expansion, first_stride, outputs, blocks in _STAGES:
        for number in range(blocks):
            stride = first_stride if number == 0 else 1
            residual = stride == 1 and channels == outputs
            x = network.block(x, f"_blocks.{index}", expansion, stride, residual)
            channels = outputs
            index += 1
    return x

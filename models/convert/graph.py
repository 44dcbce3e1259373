"""A small vocabulary for writing ONNX graphs by hand.

The same calls in the same order give the same bytes: names are counted, never random.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

#: Operators that ONNX Runtime adds to the standard ones.
RUNTIME = "com.microsoft"

#: The newest operator set needed is 20 (Gelu); IR version 10 is the one that goes with it.
_OPERATOR_SET = 20
_IR_VERSION = 10

Dimensions = Sequence[int | str]


class Graph:
    """Nodes, constants, inputs and outputs of one model in the making."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def constant(self, name: str, value: object) -> str:
        """Add a constant once; asking again for the same name returns the first one."""
        if name not in self._constants:
            array = np.asarray(value, order="C")
            self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def packed_int4(self, name: str, values: np.ndarray) -> str:
        """Add int8 values in -8..7 as a 4-bit constant, two to a byte, the low half first."""
        low, high = values[..., ::2], values[..., 1::2]
        packed = ((low & 15) | ((high & 15) << 4)).astype(np.uint8)
        self._constants[name] = helper.make_tensor(
            name, TensorProto.INT4, values.shape, packed.tobytes(), raw=True
        )
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """Add a node with one output and return the output's name."""
        output = f"{kind}_{len(self._nodes)}"
        node = helper.make_node(kind, inputs, [output], name=output, domain=domain, **attributes)
        self._nodes.append(node)
        return output

    def several(self, kind: str, outputs: int, *inputs: str, **attributes: object) -> list[str]:
        """Add a node with several outputs and return their names."""
        name = f"{kind}_{len(self._nodes)}"
        names = [f"{name}_{index}" for index in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, name=name, **attributes))
        return names

    def linear(self, x: str, name: str, weight: np.ndarray, bias: np.ndarray) -> str:
        """x · weight + bias, with the weight as [inputs, outputs]."""
        product = self.op("MatMul", x, self.constant(f"{name}.weight", weight))
        return self.op("Add", product, self.constant(f"{name}.bias", bias))

    def layer_norm(
        self, x: str, name: str, gain: np.ndarray, bias: np.ndarray, epsilon: float
    ) -> str:
        """Normalise the last axis."""
        gain_name = self.constant(f"{name}.gain", gain)
        bias_name = self.constant(f"{name}.bias", bias)
        return self.op("LayerNormalization", x, gain_name, bias_name, axis=-1, epsilon=epsilon)

    def input(self, name: str, dtype: int, dimensions: Dimensions) -> str:
        """Declare an input of the model."""
        self._inputs.append(helper.make_tensor_value_info(name, dtype, dimensions))
        return name

    def output(self, value: str, name: str, dimensions: Dimensions) -> None:
        """Make a value that no node reads an fp32 output of the model under the given name."""
        if any(value in node.input for node in self._nodes):
            raise ValueError(f"{value} is read by another node and keeps its name")
        (node,) = [node for node in self._nodes if value in node.output]
        node.output[list(node.output).index(value)] = name
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, dimensions)
        self._outputs.append(info)

    def save(self, path: Path) -> None:
        """Check the model and write it."""
        graph = helper.make_graph(
            self._nodes,
            self._name,
            self._inputs,
            self._outputs,
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid("", _OPERATOR_SET),
                helper.make_opsetid(RUNTIME, 1),
            ],
            ir_version=_IR_VERSION,
            producer_name="forebay",
        )
        onnx.checker.check_model(model)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)

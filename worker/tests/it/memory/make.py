"""Makes the graph beside this file: the mean of a picture's colours as three logits, and no memory for more than two.

For every third picture of a batch it asks for four tebibytes. python3 make.py   (needs the package onnx)
"""

from pathlib import Path

from onnx import TensorProto, checker, helper, save

MOST = 2
TOO_MUCH = 2**40


def constant(name: str, value: int) -> object:
    """A list of one whole number."""
    return helper.make_tensor(name, TensorProto.INT64, [1], [value])


nodes = [
    helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[2, 3], keepdims=0),
    helper.make_node("Shape", ["pixels"], ["shape"]),
    helper.make_node("Gather", ["shape", "first"], ["items"]),
    helper.make_node("Div", ["items", "third"], ["beyond"]),
    helper.make_node("Mul", ["beyond", "much"], ["size"]),
    helper.make_node("ConstantOfShape", ["size"], ["zeros"]),
    helper.make_node("ReduceSum", ["zeros"], ["nothing"], keepdims=0),
    helper.make_node("Add", ["mean", "nothing"], ["logits"]),
]
constants = [constant("first", 0), constant("third", MOST + 1), constant("much", TOO_MUCH)]
inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, "height", "width"])]
outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])]
graph = helper.make_graph(nodes, "short", inputs, outputs, constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
checker.check_model(model)
save(model, Path(__file__).with_name("short.onnx"))

"""Makes the graphs beside this file: the mean of a picture's colours as three logits, and much memory on the way.

`short.onnx` asks for four tebibytes for every third picture of a batch, `wide.onnx` for 512 MiB for each one.
python3 make.py   (needs the package onnx)
"""

from pathlib import Path

from onnx import TensorProto, checker, helper, save

FLOATS_OF_512_MIB = 2**27


def constant(name: str, value: int) -> object:
    """A list of one whole number."""
    return helper.make_tensor(name, TensorProto.INT64, [1], [value])


def make(name: str, pictures: int, floats: int) -> None:
    """A graph that asks for so many zeros for so many pictures, and adds them up."""
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
    constants = [constant("first", 0), constant("third", pictures), constant("much", floats)]
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, "height", "width"])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])]
    graph = helper.make_graph(nodes, name, inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, Path(__file__).with_name(f"{name}.onnx"))


make("short", pictures=3, floats=2**40)
make("wide", pictures=1, floats=FLOATS_OF_512_MIB)

"""Makes the graphs beside this file, which draw what is plain to see.

python3 make.py   (needs the package onnx)
"""

from pathlib import Path

from onnx import TensorProto, checker, helper, save


def write(name: str, nodes: list, inputs: dict, outputs: dict) -> None:
    """A graph of these nodes; inputs and outputs by name, with their shapes."""
    info = lambda values: [helper.make_tensor_value_info(*value) for value in values]  # noqa: E731
    graph = helper.make_graph(
        nodes,
        name,
        info((name, TensorProto.FLOAT, shape) for name, shape in inputs.items()),
        info((name, TensorProto.FLOAT, shape) for name, shape in outputs.items()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, Path(__file__).with_name(f"{name}.onnx"))


# A mask as bright as the picture. One picture at a time.
write(
    "mask",
    [helper.make_node("ReduceMean", ["pixels"], ["mask"], axes=[1], keepdims=1)],
    {"pixels": [1, 3, 8, 8]},
    {"mask": [1, 1, 8, 8]},
)

"""Makes the two graphs beside this file: each gives the mean of a picture's red, green and blue as three logits.

python3 make.py   (needs the package onnx)
"""

from pathlib import Path

from onnx import TensorProto, checker, helper, save

LAYOUTS = {"channels_first": (["batch", 3, "height", "width"], [2, 3]), "channels_last": (["batch", "height", "width", 3], [1, 2])}

for name, (shape, axes) in LAYOUTS.items():
    mean = helper.make_node("ReduceMean", ["pixels"], ["logits"], axes=axes, keepdims=0)
    inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, shape)]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])]
    graph = helper.make_graph([mean], name, inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save(model, Path(__file__).with_name(f"{name}.onnx"))

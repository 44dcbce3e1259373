"""Makes the graph beside this file: the mean of a picture's colours, quantised with one scale for the whole batch.

So a picture's logits depend on the brightest picture beside it. python3 make.py   (needs the package onnx)
"""

from pathlib import Path

from onnx import TensorProto, checker, helper, save

nodes = [
    helper.make_node("ReduceMean", ["pixels"], ["mean"], axes=[2, 3], keepdims=0),
    helper.make_node("Mul", ["mean", "twenty"], ["large"]),
    helper.make_node("DynamicQuantizeLinear", ["large"], ["bytes", "scale", "zero"]),
    helper.make_node("DequantizeLinear", ["bytes", "scale", "zero"], ["logits"]),
]
inputs = [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, "height", "width"])]
outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])]
twenty = helper.make_tensor("twenty", TensorProto.FLOAT, [1], [20.0])
graph = helper.make_graph(nodes, "quantised", inputs, outputs, [twenty])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
checker.check_model(model)
save(model, Path(__file__).with_name("quantised.onnx"))

"""Takes dynamic quantisation out of a graph and leaves the weights in eight bits.

A dynamically quantised convolution scales its input by that input's own range: an item's answer
then depends on what shares its batch, and on whether the processor multiplies bytes exactly.
Here the weights stay as they are stored, and are multiplied in fp32.
"""

from __future__ import annotations

from onnx import GraphProto, NodeProto, helper

#: The rest of a quantised convolution, in order: to float, times both scales, plus the bias.
_TAIL = ["Cast", "Mul", "Add"]


def restore_convolutions(graph: GraphProto) -> None:
    """Replace every ConvInteger, with its scaling and its bias, by Conv on restored weights."""
    origin = {output: node for node in graph.node for output in node.output}
    constants = {constant.name for constant in graph.initializer}
    written = []
    for node in graph.node:
        if node.op_type == "ConvInteger":
            continue
        convolution = _convolution_before(node, origin)
        if convolution is None:
            written.append(node)
        else:
            written.extend(_restored(convolution, node, origin, constants))
    del graph.node[:]
    graph.node.extend(written)


def _convolution_before(node: NodeProto, origin: dict[str, NodeProto]) -> NodeProto | None:
    """The ConvInteger of which this node is the last step."""
    for kind in reversed(_TAIL):
        if node is None or node.op_type != kind:
            return None
        node = origin.get(node.input[0])
    return node if node is not None and node.op_type == "ConvInteger" else None


def _restored(
    convolution: NodeProto,
    last: NodeProto,
    origin: dict[str, NodeProto],
    constants: set[str],
) -> list[NodeProto]:
    quantised, weight, _, weight_zero = convolution.input
    source = origin[quantised].input[0]
    scaling = origin[last.input[0]]
    # The product of the input's scale and the weight's; the weight's is the constant one.
    scales = origin[scaling.input[1]].input
    (weight_scale,) = [name for name in scales if name in constants]
    # The bias was given four axes for the addition; a convolution takes it with its one.
    bias = origin[last.input[1]].input[0]
    whole = f"{weight}_restored"
    (output,) = last.output
    restore = helper.make_node(
        "DequantizeLinear", [weight, weight_scale, weight_zero], [whole], name=whole
    )
    convolve = helper.make_node("Conv", [source, whole, bias], [output], name=convolution.name)
    convolve.attribute.extend(convolution.attribute)
    return [restore, convolve]

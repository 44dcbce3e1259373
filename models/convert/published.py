"""An ONNX file as somebody published it, made fit to be served."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import onnx

from . import weight_only
from .graph import Dimensions


class Published:
    """A graph whose edges are tidied; its arithmetic stays as it was."""

    def __init__(self, path: Path) -> None:
        self._model = onnx.load(path)
        self._graph = self._model.graph
        self._drop_constant_inputs()
        self.drop_unread()
        # Shapes that an exporter wrote inside may be those of its example only.
        del self._graph.value_info[:]

    def input(self, old: str, new: str, dimensions: Dimensions) -> None:
        """Rename an input and state its axes; a word is an axis of any length."""
        self._edge(self._graph.input, old, new, dimensions)

    def output(self, old: str, new: str, dimensions: Dimensions) -> None:
        """Rename an output and state its axes; a word is an axis of any length."""
        self._edge(self._graph.output, old, new, dimensions)

    def drop_last_softmax(self, output: str) -> None:
        """Let an output be the logits of which the graph made probabilities."""
        softmax = self._origin(output)
        if softmax.op_type != "Softmax":
            raise SystemExit(f"{output} comes from {softmax.op_type}, not from Softmax")
        logits = softmax.input[0]
        before = self._origin(logits)
        before.output[list(before.output).index(logits)] = output
        self._graph.node.remove(softmax)

    def keep_output(self, output: str) -> None:
        """Let there be this output alone, and only what it needs."""
        kept = [edge for edge in self._graph.output if edge.name == output]
        del self._graph.output[:]
        self._graph.output.extend(kept)
        self.drop_unread()

    def drop_unread(self) -> None:
        """Remove nodes and constants that lead to no output."""
        wanted = {edge.name for edge in self._graph.output}
        kept = []
        for node in reversed(self._graph.node):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                kept.append(node)
        _replace(self._graph.node, reversed(kept))
        constants = self._graph.initializer
        _replace(constants, [constant for constant in constants if constant.name in wanted])

    def restore_convolutions(self) -> None:
        """Let dynamically quantised convolutions be plain ones on eight-bit weights."""
        weight_only.restore_convolutions(self._graph)
        self.drop_unread()

    def metadata(self, key: str) -> str:
        """A text that the file carries about itself."""
        return next(entry.value for entry in self._model.metadata_props if entry.key == key)

    def save(self, path: Path) -> None:
        """Check the model and write it."""
        onnx.checker.check_model(self._model)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(self._model, path)

    def _drop_constant_inputs(self) -> None:
        """Old exporters list constants as inputs too."""
        constants = {constant.name for constant in self._graph.initializer}
        inputs = self._graph.input
        _replace(inputs, [edge for edge in inputs if edge.name not in constants])

    def _origin(self, value: str) -> onnx.NodeProto:
        return next(node for node in self._graph.node if value in node.output)

    def _edge(self, edges: list, old: str, new: str, dimensions: Dimensions) -> None:
        (edge,) = [edge for edge in edges if edge.name == old]
        edge.name = new
        shape = edge.type.tensor_type.shape
        del shape.dim[:]
        for length in dimensions:
            axis = shape.dim.add()
            if isinstance(length, int):
                axis.dim_value = length
            else:
                axis.dim_param = length
        for node in self._graph.node:
            for names in (node.input, node.output):
                for place, name in enumerate(names):
                    if name == old:
                        names[place] = new


def _replace(entries: list, kept: Iterable) -> None:
    kept = list(kept)
    del entries[:]
    entries.extend(kept)

"""An ONNX file as somebody published it, made fit to be served."""

from __future__ import annotations

from pathlib import Path

import onnx

from .graph import Dimensions


class Published:
    """A graph whose edges are tidied; its arithmetic stays as it was."""

    def __init__(self, path: Path) -> None:
        self._model = onnx.load(path)
        self._graph = self._model.graph
        self._drop_constant_inputs()
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
        (node,) = [node for node in self._graph.node if output in node.output]
        if node.op_type != "Softmax":
            raise SystemExit(f"{output} comes from {node.op_type}, not from Softmax")
        logits = node.input[0]
        self._graph.node.remove(node)
        (before,) = [node for node in self._graph.node if logits in node.output]
        before.output[list(before.output).index(logits)] = output

    def metadata(self, key: str) -> str:
        """A text that the file carries about itself."""
        return next(entry.value for entry in self._model.metadata_props if entry.key == key)

    def save(self, path: Path) -> None:
        """Check the model and write it."""
        onnx.checker.check_model(self._model)
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(self._model, path)

    def _drop_constant_inputs(self) -> None:
        """Old exporters list constants as inputs too, and some that no node reads."""
        read = {name for node in self._graph.node for name in node.input}
        constants = {constant.name for constant in self._graph.initializer}
        for entries, unwanted in (
            (self._graph.input, constants),
            (self._graph.initializer, constants - read),
        ):
            kept = [entry for entry in entries if entry.name not in unwanted]
            del entries[:]
            entries.extend(kept)

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

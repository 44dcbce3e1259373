"""BERT weights in a Hugging Face directory (safetensors)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from .encoder import (
    Dimensions,
    Layer,
    Linear,
    Norm,
    add_positions,
    encode,
    token_input,
)
from .graph import Graph


class BertWeights:
    """The tensors of `model.safetensors`, under the names that Hugging Face gives them."""

    def __init__(self, directory: Path) -> None:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        tensors = load_file(directory / "model.safetensors")
        self._tensors = {name.removeprefix("bert."): t for name, t in tensors.items()}
        self.dimensions = Dimensions(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            width=config["hidden_size"],
            epsilon=config["layer_norm_eps"],
        )

    def word_embeddings(self) -> np.ndarray:
        """[vocabulary, width]."""
        return self._tensor("embeddings.word_embeddings.weight")

    def position_embeddings(self) -> np.ndarray:
        """[positions, width]."""
        return self._tensor("embeddings.position_embeddings.weight")

    def type_embeddings(self) -> np.ndarray:
        """[token types, width]."""
        return self._tensor("embeddings.token_type_embeddings.weight")

    def embedding_norm(self) -> Norm:
        """The normalisation between the embeddings and the first layer."""
        return self._norm("embeddings.LayerNorm")

    def layer(self, index: int) -> Layer:
        """The weights of one layer."""
        name = f"encoder.layer.{index}"
        return Layer(
            query=self._linear(f"{name}.attention.self.query"),
            key=self._linear(f"{name}.attention.self.key"),
            value=self._linear(f"{name}.attention.self.value"),
            merge=self._linear(f"{name}.attention.output.dense"),
            merge_norm=self._norm(f"{name}.attention.output.LayerNorm"),
            expand=self._linear(f"{name}.intermediate.dense"),
            contract=self._linear(f"{name}.output.dense"),
            contract_norm=self._norm(f"{name}.output.LayerNorm"),
        )

    def _tensor(self, name: str) -> np.ndarray:
        return self._tensors[name].astype(np.float32)

    def _linear(self, name: str) -> Linear:
        return Linear(self._tensor(f"{name}.weight").T, self._tensor(f"{name}.bias"))

    def _norm(self, name: str) -> Norm:
        return Norm(self._tensor(f"{name}.weight"), self._tensor(f"{name}.bias"))


def embedded_tokens(graph: Graph, weights: BertWeights) -> str:
    """Declare the three inputs of a Hugging Face export; the sum of the embeddings."""
    ids = token_input(graph, "input_ids")
    token_input(graph, "attention_mask")
    types = token_input(graph, "token_type_ids")
    words = graph.constant("embeddings.word", weights.word_embeddings())
    type_table = graph.constant("embeddings.type", weights.type_embeddings())
    x = graph.op("Gather", words, ids)
    x = graph.op("Add", x, graph.op("Gather", type_table, types))
    return add_positions(graph, x, weights.position_embeddings())


def embedding_graph(weights: BertWeights) -> Graph:
    """Tokens to `last_hidden_state`."""
    graph = Graph("bert")
    state = encode(graph, embedded_tokens(graph, weights), weights)[-1]
    graph.output(state, "last_hidden_state", ["batch", "sequence", weights.dimensions.width])
    return graph

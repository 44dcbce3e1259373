"""The BERT encoder: layers of attention with a feed-forward part, normalised afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from onnx import TensorProto

from .graph import RUNTIME, Graph


@dataclass(frozen=True)
class Dimensions:
    """The sizes of an encoder."""

    layers: int
    heads: int
    width: int
    epsilon: float


class Linear(NamedTuple):
    """A linear map; the weight is [inputs, outputs]."""

    weight: np.ndarray
    bias: np.ndarray


class Norm(NamedTuple):
    """The learnt part of a layer normalisation."""

    gain: np.ndarray
    bias: np.ndarray


class Layer(NamedTuple):
    """The weights of one encoder layer."""

    query: Linear
    key: Linear
    value: Linear
    merge: Linear
    merge_norm: Norm
    expand: Linear
    contract: Linear
    contract_norm: Norm


class Weights(Protocol):
    """Where an encoder's weights come from."""

    dimensions: Dimensions

    def position_embeddings(self) -> np.ndarray:
        """[positions, width]."""

    def type_embeddings(self) -> np.ndarray:
        """[token types, width]."""

    def embedding_norm(self) -> Norm:
        """The normalisation between the embeddings and the first layer."""

    def layer(self, index: int) -> Layer:
        """The weights of one layer."""


def token_input(graph: Graph, name: str) -> str:
    """Declare an int64 [batch, sequence] input."""
    return graph.input(name, TensorProto.INT64, ["batch", "sequence"])


def add_positions(graph: Graph, x: str, positions: np.ndarray) -> str:
    """Add the first rows of the position table to [batch, sequence, width]."""
    table = graph.constant("embeddings.position", positions[None])
    length = graph.op("Shape", "input_ids", start=1, end=2)
    zero, one = graph.constant("zero", [0]), graph.constant("one", [1])
    return graph.op("Add", x, graph.op("Slice", table, zero, length, one))


def encode(graph: Graph, x: str, weights: Weights) -> list[str]:
    """Run the encoder; the hidden states before the first layer and after each."""
    epsilon = weights.dimensions.epsilon
    x = graph.layer_norm(x, "embeddings.norm", *weights.embedding_norm(), epsilon)
    # The Attention operator takes the [batch, sequence] mask as it is (int32) and reads it
    # once per row: no [batch, heads, sequence, sequence] tensor is ever made from it.
    mask = graph.op("Cast", "attention_mask", to=TensorProto.INT32)
    states = [x]
    for index in range(weights.dimensions.layers):
        layer = weights.layer(index)
        x = _layer(graph, x, mask, f"layer.{index}", layer, weights.dimensions)
        states.append(x)
    return states


def _layer(
    graph: Graph, x: str, mask: str, name: str, layer: Layer, dimensions: Dimensions
) -> str:
    attended = _attention(graph, x, mask, name, layer, dimensions.heads)
    merged = graph.linear(attended, f"{name}.merge", *layer.merge)
    # Add and LayerNormalization stay two nodes: ONNX Runtime's SkipLayerNormalization made
    # the whole model 8 % slower on CPU (measured with 1.31.1, batch 32 x 32 tokens).
    x = graph.op("Add", merged, x)
    x = graph.layer_norm(x, f"{name}.merge.norm", *layer.merge_norm, dimensions.epsilon)
    expanded = graph.linear(x, f"{name}.expand", *layer.expand)
    contracted = graph.linear(graph.op("Gelu", expanded), f"{name}.contract", *layer.contract)
    x = graph.op("Add", contracted, x)
    return graph.layer_norm(x, f"{name}.contract.norm", *layer.contract_norm, dimensions.epsilon)


def _attention(graph: Graph, x: str, mask: str, name: str, layer: Layer, heads: int) -> str:
    maps = (layer.query, layer.key, layer.value)
    weight = np.concatenate([linear.weight for linear in maps], axis=1)
    bias = np.concatenate([linear.bias for linear in maps])
    return graph.op(
        "Attention",
        x,
        graph.constant(f"{name}.attention.weight", weight),
        graph.constant(f"{name}.attention.bias", bias),
        mask,
        domain=RUNTIME,
        num_heads=heads,
    )


def mean_over_mask(graph: Graph, states: Sequence[str]) -> str:
    """Average each [batch, sequence, width] over the tokens that are not padding.

    The means stand side by side: [batch, states x width].
    """
    last = graph.constant("last", [-1])
    mask = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    count = graph.op("ReduceSum", mask, last, keepdims=1)
    share = graph.op("Unsqueeze", graph.op("Div", mask, count), last)
    means = []
    for state in states:
        weighted = graph.op("Mul", state, share)
        means.append(graph.op("ReduceSum", weighted, graph.constant("one", [1]), keepdims=0))
    return graph.op("Concat", *means, axis=-1) if len(means) > 1 else means[0]

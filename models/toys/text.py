"""Toy models that read text: BERTs of two layers whose weights are random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convert.directory import ModelDirectory
from convert.encoder import (
    Dimensions,
    Layer,
    Linear,
    Norm,
    add_positions,
    encode,
    token_input,
)
from convert.graph import Graph
from tokens import POSITIONS, vocabulary, write_tokenizer

_WIDTH = 32
_EXPANDED = 64
_DIMENSIONS = Dimensions(layers=2, heads=4, width=_WIDTH, epsilon=1e-12)

#: Larger than a trained model's first weights, so that answers differ much between texts.
_SPREAD = 0.35


class RandomWeights:
    """The weights of an encoder; the same seed gives the same ones."""

    dimensions = _DIMENSIONS

    def __init__(self, seed: int) -> None:
        self._random = np.random.RandomState(seed)

    def table(self, rows: int, columns: int = _WIDTH, spread: float = 1.0) -> np.ndarray:
        """[rows, columns]."""
        return (self._random.standard_normal((rows, columns)) * spread).astype(np.float32)

    def position_embeddings(self) -> np.ndarray:
        """[positions, width]."""
        return self.table(POSITIONS, spread=0.3)

    def type_embeddings(self) -> np.ndarray:
        """[token types, width]."""
        return self.table(2)

    def embedding_norm(self) -> Norm:
        """The normalisation between the embeddings and the first layer."""
        return self._norm()

    def layer(self, index: int) -> Layer:
        """The weights of one layer."""
        return Layer(
            query=self.linear(_WIDTH, _WIDTH),
            key=self.linear(_WIDTH, _WIDTH),
            value=self.linear(_WIDTH, _WIDTH),
            merge=self.linear(_WIDTH, _WIDTH),
            merge_norm=self._norm(),
            expand=self.linear(_WIDTH, _EXPANDED),
            contract=self.linear(_EXPANDED, _WIDTH),
            contract_norm=self._norm(),
        )

    def linear(self, inputs: int, outputs: int) -> Linear:
        """A random map with a small bias."""
        return Linear(
            self.table(inputs, outputs, _SPREAD), self.table(1, outputs, 0.1).reshape(-1)
        )

    def _norm(self) -> Norm:
        return Norm(np.ones(_WIDTH, np.float32), np.zeros(_WIDTH, np.float32))


@dataclass(frozen=True)
class Head:
    """What a text model says, and the words of `config.json` for it."""

    architecture: str
    labels: list[str]
    problem: str | None = None


def _encoder(graph: Graph, weights: RandomWeights) -> str:
    ids = token_input(graph, "input_ids")
    token_input(graph, "attention_mask")
    types = token_input(graph, "token_type_ids")
    words = graph.constant("embeddings.word", weights.table(len(vocabulary())))
    kinds = graph.constant("embeddings.type", weights.type_embeddings())
    x = graph.op("Add", graph.op("Gather", words, ids), graph.op("Gather", kinds, types))
    x = add_positions(graph, x, weights.position_embeddings())
    return encode(graph, x, weights)[-1]


def encoder_alone(directory: ModelDirectory, seed: int) -> None:
    """A model that gives a vector for every token: `last_hidden_state`; how to pool is not said."""
    graph = Graph("toy")
    state = _encoder(graph, RandomWeights(seed))
    graph.output(state, "last_hidden_state", ["batch", "sequence", _WIDTH])
    directory.write_graph(graph)
    write_tokenizer(directory)
    directory.write_json("config.json", _config("BertModel"))


def sequence_classifier(directory: ModelDirectory, head: Head, seed: int) -> None:
    """A model that says one thing of a text or a pair: `logits` [batch, labels]."""
    graph, weights = Graph("toy"), RandomWeights(seed)
    state = _encoder(graph, weights)
    first = graph.op("Gather", state, graph.constant("first", np.int64(0)), axis=1)
    pooled = graph.op("Tanh", graph.linear(first, "pooler", *weights.linear(_WIDTH, _WIDTH)))
    logits = graph.linear(pooled, "head", *weights.linear(_WIDTH, len(head.labels)))
    graph.output(logits, "logits", ["batch", len(head.labels)])
    _write(directory, graph, head)


def token_classifier(
    directory: ModelDirectory, head: Head, known: dict[str, dict[str, float]], seed: int
) -> None:
    """A model that says something of every token: `logits` [batch, sequence, labels].

    Pieces of `known` are drawn to labels by so much; all others to the first label.
    """
    graph, weights = Graph("toy"), RandomWeights(seed)
    state = _encoder(graph, weights)
    context = graph.linear(state, "head", *weights.linear(_WIDTH, len(head.labels)))
    pieces = vocabulary()
    drawn = np.zeros((len(pieces), len(head.labels)), np.float32)
    drawn[:, 0] = 4
    for piece, pulls in known.items():
        drawn[pieces.index(piece)] = [pulls.get(label, 0) for label in head.labels]
    table = graph.constant("drawn", drawn)
    logits = graph.op("Add", context, graph.op("Gather", table, "input_ids"))
    graph.output(logits, "logits", ["batch", "sequence", len(head.labels)])
    _write(directory, graph, head)


def _write(directory: ModelDirectory, graph: Graph, head: Head) -> None:
    directory.write_graph(graph)
    write_tokenizer(directory)
    config = _config(head.architecture) | {
        "id2label": {str(index): label for index, label in enumerate(head.labels)},
        "label2id": {label: index for index, label in enumerate(head.labels)},
    }
    if head.problem is not None:
        config["problem_type"] = head.problem
    directory.write_json("config.json", config)


def _config(architecture: str) -> dict:
    return {
        "architectures": [architecture],
        "model_type": "bert",
        "hidden_size": _WIDTH,
        "num_hidden_layers": _DIMENSIONS.layers,
        "num_attention_heads": _DIMENSIONS.heads,
        "intermediate_size": _EXPANDED,
        "hidden_act": "gelu",
        "layer_norm_eps": _DIMENSIONS.epsilon,
        "vocab_size": len(vocabulary()),
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 2,
        "pad_token_id": 0,
    }

"""A frozen encoder with its head, as one graph."""

from __future__ import annotations

from collections.abc import Callable

from convert.graph import Graph

from .linear import Head


def classifier_graph(name: str, head: Head, add_features: Callable[[Graph], str]) -> Graph:
    """Tokens to `logits` [batch, labels]; `add_features` leads from tokens to what the head reads."""
    graph = Graph(name)
    features = add_features(graph)
    matrix = graph.constant("head.weight", head.weights)
    bias = graph.constant("head.bias", head.bias)
    logits = graph.op("Gemm", features, matrix, bias, transB=1)
    graph.output(logits, "logits", ["batch", len(head.bias)])
    return graph

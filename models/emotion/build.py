"""Builds the emotion model: six emotions in English and Chinese text."""

from __future__ import annotations

from base import (
    HERE,
    LABELS,
    LAYERS,
    add_features,
    feature_count,
    read_weights,
)
from convert.directory import build_arguments
from convert.e5 import E5Weights
from convert.e5_files import config, write_tokenizer
from convert.graph import Graph
from heads.linear import read_head


def classifier_graph(weights: E5Weights) -> Graph:
    """Tokens to `logits` [batch, 6]."""
    head = read_head(HERE / "head.json", LABELS, LAYERS)
    if head.weights.shape[1] != feature_count(weights):
        raise SystemExit("head.json does not fit the base: run train.py")
    graph = Graph("emotion")
    features = add_features(graph, weights)
    matrix = graph.constant("head.weight", head.weights)
    bias = graph.constant("head.bias", head.bias)
    logits = graph.op("Gemm", features, matrix, bias, transB=1)
    graph.output(logits, "logits", ["batch", len(LABELS)])
    return graph


def labelled(base: dict) -> dict:
    """The content of `config.json`."""
    return base | {
        "problem_type": "single_label_classification",
        "id2label": {str(index): label for index, label in enumerate(LABELS)},
        "label2id": {label: index for index, label in enumerate(LABELS)},
    }


def main() -> None:
    sources, directory = build_arguments(__doc__)
    weights = read_weights(sources)
    directory.write_graph(classifier_graph(weights))
    write_tokenizer(directory, weights)
    base = config(weights, "BertForSequenceClassification")
    directory.write_json("config.json", labelled(base))
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

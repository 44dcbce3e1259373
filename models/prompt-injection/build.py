"""Builds the prompt-injection model: whether a text tries to turn a language model around."""

from __future__ import annotations

import json

from base import HERE, LABELS, LAYERS, add_features, feature_count, find_source
from convert.bert import BertWeights
from convert.directory import build_arguments
from convert.graph import Graph
from heads.linear import read_head

_COPIED = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]


def classifier_graph(weights: BertWeights) -> Graph:
    """Tokens to `logits` [batch, 2]."""
    head = read_head(HERE / "head.json", LABELS, LAYERS)
    if head.weights.shape[1] != feature_count(weights):
        raise SystemExit("head.json does not fit the base: run train.py")
    graph = Graph("prompt-injection")
    features = add_features(graph, weights)
    matrix = graph.constant("head.weight", head.weights)
    bias = graph.constant("head.bias", head.bias)
    logits = graph.op("Gemm", features, matrix, bias, transB=1)
    graph.output(logits, "logits", ["batch", len(LABELS)])
    return graph


def labelled(base: dict) -> dict:
    """The content of `config.json`."""
    return base | {
        "architectures": ["BertForSequenceClassification"],
        "problem_type": "single_label_classification",
        "id2label": {str(index): label for index, label in enumerate(LABELS)},
        "label2id": {label: index for index, label in enumerate(LABELS)},
    }


def main() -> None:
    sources, directory = build_arguments(__doc__)
    source = find_source(sources)
    directory.write_graph(classifier_graph(BertWeights(source)))
    for name in _COPIED:
        directory.copy(source / name)
    base = json.loads((source / "config.json").read_text(encoding="utf-8"))
    directory.write_json("config.json", labelled(base))
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

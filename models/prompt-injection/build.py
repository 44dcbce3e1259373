"""Builds the prompt-injection model: whether a text tries to turn a language model around."""

from __future__ import annotations

import json

from base import HERE, LABELS, LAYERS, add_features, feature_count, find_source
from convert.bert import BertWeights
from convert.directory import build_arguments
from convert.labels import named
from heads.graph import classifier_graph
from heads.linear import read_head

_COPIED = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]


def labelled(base: dict) -> dict:
    """The content of `config.json`."""
    return base | {
        "architectures": ["BertForSequenceClassification"],
        "problem_type": "single_label_classification",
        **named(LABELS),
    }


def main() -> None:
    sources, directory = build_arguments(__doc__)
    source = find_source(sources)
    weights = BertWeights(source)
    head = read_head(HERE / "head.json", LABELS, LAYERS, feature_count(weights))
    graph = classifier_graph("prompt-injection", head, lambda graph: add_features(graph, weights))
    directory.write_graph(graph)
    for name in _COPIED:
        directory.copy(source / name)
    base = json.loads((source / "config.json").read_text(encoding="utf-8"))
    directory.write_json("config.json", labelled(base))
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

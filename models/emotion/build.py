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
from convert.e5_files import config, write_tokenizer
from convert.labels import named
from heads.graph import classifier_graph
from heads.linear import read_head


def labelled(base: dict) -> dict:
    """The content of `config.json`."""
    return base | {
        "problem_type": "single_label_classification",
        **named(LABELS),
    }


def main() -> None:
    sources, directory = build_arguments(__doc__)
    weights = read_weights(sources)
    head = read_head(HERE / "head.json", LABELS, LAYERS, feature_count(weights))
    graph = classifier_graph("emotion", head, lambda graph: add_features(graph, weights))
    directory.write_graph(graph)
    write_tokenizer(directory, weights)
    base = config(weights, "BertForSequenceClassification")
    directory.write_json("config.json", labelled(base))
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

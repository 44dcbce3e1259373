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
from convert.directory import ModelDirectory, build_arguments
from convert.e5 import E5Weights
from convert.graph import Graph
from convert.unigram import tokenizer
from head import read_head


def classifier_graph(weights: E5Weights) -> Graph:
    """Tokens to `logits` [batch, 6]."""
    head = read_head(LABELS, LAYERS)
    if head.weights.shape[1] != feature_count(weights):
        raise SystemExit("head.json does not fit the base: run train.py")
    graph = Graph("emotion")
    features = add_features(graph, weights)
    matrix = graph.constant("head.weight", head.weights)
    bias = graph.constant("head.bias", head.bias)
    logits = graph.op("Gemm", features, matrix, bias, transB=1)
    graph.output(logits, "logits", ["batch", len(LABELS)])
    return graph


def config(weights: E5Weights) -> dict:
    """The content of `config.json`."""
    dimensions, vocabulary = weights.dimensions, weights.vocabulary
    return {
        "_name_or_path": "intfloat/multilingual-e5-small",
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "problem_type": "single_label_classification",
        "id2label": {str(index): label for index, label in enumerate(LABELS)},
        "label2id": {label: index for index, label in enumerate(LABELS)},
        "hidden_size": dimensions.width,
        "num_hidden_layers": dimensions.layers,
        "num_attention_heads": dimensions.heads,
        "intermediate_size": weights.expanded,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "vocab_size": len(vocabulary.pieces),
        "max_position_embeddings": weights.positions,
        "position_embedding_type": "absolute",
        "type_vocab_size": weights.types,
        "bos_token_id": vocabulary.bos,
        "eos_token_id": vocabulary.eos,
        "pad_token_id": vocabulary.pad,
    }


def write_tokenizer(directory: ModelDirectory, weights: E5Weights) -> None:
    """Write `tokenizer.json` and its two companions."""
    special = weights.vocabulary.special_tokens()
    directory.write_compact_json(
        "tokenizer.json", tokenizer(weights.vocabulary, weights.positions)
    )
    directory.write_json("special_tokens_map.json", special)
    directory.write_json(
        "tokenizer_config.json",
        {
            "tokenizer_class": "XLMRobertaTokenizer",
            "model_max_length": weights.positions,
            **special,
        },
    )


def main() -> None:
    sources, directory = build_arguments(__doc__)
    weights = read_weights(sources)
    directory.write_graph(classifier_graph(weights))
    write_tokenizer(directory, weights)
    directory.write_json("config.json", config(weights))
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

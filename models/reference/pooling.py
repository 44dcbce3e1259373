"""Reference vectors of one encoder, pooled in every way that sentence-transformers knows.

pooling.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from comparison import numbers, run
from encoder import TextModel

_TEXTS = [
    "the cat sits in the house",
    "Anna works at Acme, and likes the new computer.",
    "a",
    "",
    "naïve café",
    "今天很热",
    "the rain is cold. " * 10,
    "UPPER lower MiXeD 12345",
    "why? where! (who) - \"what\"",
    "music and politics and sport and science and food and travel and money and work",
    "e\u0301 is é",
]

#: Tokens that are kept of a text in the second half of each case.
_SHORT = 8

_WAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "mean": lambda state: state.mean(axis=0),
    "cls": lambda state: state[0],
    "max": lambda state: state.max(axis=0),
    "last": lambda state: state[-1],
    # Later tokens weigh more: 1, 2, 3 ...
    "weighted": lambda state: np.average(state, axis=0, weights=np.arange(1, len(state) + 1)),
    "mean_sqrt_len": lambda state: state.sum(axis=0) / np.sqrt(len(state)),
}


def pooled(directory: Path) -> dict:
    """Per text: its vector in every way, not scaled, and the means of its first and last tokens."""
    model = TextModel(directory)
    cases = []
    for text in _TEXTS:
        tokens = model.encode(text)
        state = model.output(tokens)
        case: dict = {"text": text, "tokens": len(tokens.ids)}
        for name, pool in _WAYS.items():
            case[name] = numbers(pool(state))
        for side in ("right", "left"):
            # What is cut off: the end, or the beginning; the special tokens stay.
            model.cut(side, _SHORT)
            short = model.output(model.encode(text)).mean(axis=0)
            case[f"cut_{side}"] = numbers(short)
        model.truncate("longest_first")
        cases.append(case)
    return {"model": directory.name, "short": _SHORT, "cases": cases}


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"toy-embedding": pooled})

"""What a frozen encoder makes of many texts, similar lengths together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def encode_all(
    texts: list[str],
    run: Callable[[list[str]], np.ndarray],
    tokens: Callable[[str], int],
    most: int,
) -> np.ndarray:
    """[texts, features] in fp64, in batches of at most so many tokens; `tokens` guesses a text's."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    rows: list[np.ndarray | None] = [None] * len(texts)
    while order:
        count = max(1, most // tokens(texts[order[-1]]))
        batch, order = order[-count:], order[:-count]
        for index, row in zip(batch, run([texts[i] for i in batch])):
            rows[index] = row
    return np.array(rows, np.float64)

"""A large array told in few numbers that may be compared with a tolerance."""

from __future__ import annotations

import numpy as np

#: Rows and columns of the grid, or as many as the array has.
_GRID = 16
_DIGITS = 4


def digest(values: np.ndarray) -> dict:
    """Of [height, width], or [height, width, channels]: the mean of each cell of a grid, and of all.

    Cell i of n covers the lines from i * length // n to (i + 1) * length // n.
    """
    values = values.astype(np.float64)
    rows, columns = (_edges(length) for length in values.shape[:2])
    grid = [
        [_told(values[top:bottom, left:right].mean(axis=(0, 1))) for left, right in columns]
        for top, bottom in rows
    ]
    return {
        "shape": list(values.shape),
        "mean": round(float(values.mean()), _DIGITS),
        "std": round(float(values.std()), _DIGITS),
        "grid": grid,
    }


def _edges(length: int) -> list[tuple[int, int]]:
    count = min(_GRID, length)
    return [(i * length // count, (i + 1) * length // count) for i in range(count)]


def _told(mean: np.ndarray) -> float | list[float]:
    return np.round(mean, _DIGITS).tolist()

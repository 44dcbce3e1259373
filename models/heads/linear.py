"""A linear head, kept as text."""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Half precision moves no logit by more than 0.01 and keeps the files below 40 KB.
_STORED = "<f2"

#: How far a logit of a freshly trained head may be from the committed one's: fp16 rounding and
#: the last bits of another processor's products stay far below.
_CHECK_TOLERANCE = 0.05


@dataclass(frozen=True)
class Head:
    """logits = weights · features + bias."""

    weights: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """[texts, features] to [texts, labels]."""
        return features @ self.weights.T + self.bias

    def rounded(self) -> Head:
        """What is left after writing and reading."""
        return Head(self.weights.astype(_STORED), self.bias.astype(_STORED)).single()

    def single(self) -> Head:
        """The same in fp32."""
        return Head(self.weights.astype(np.float32), self.bias.astype(np.float32))


def write_head(path: Path, head: Head, labels: list[str], layers: list[int]) -> None:
    """Write a file: per label a bias and little-endian fp16 weights in base64."""
    rows = {
        label: {
            "bias": float(np.float16(bias)),
            "weights": base64.b64encode(row.astype(_STORED).tobytes()).decode(),
        }
        for label, row, bias in zip(labels, head.weights, head.bias)
    }
    text = json.dumps({"layers": layers, "labels": rows}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def read_head(path: Path, labels: list[str], layers: list[int], features: int) -> Head:
    """Read a file, refusing one that was trained for something else."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    if list(stored["labels"]) != labels or stored["layers"] != layers:
        raise SystemExit(f"{path} is for other labels or layers: run train.py")
    rows = stored["labels"].values()
    weights = np.array([np.frombuffer(base64.b64decode(row["weights"]), _STORED) for row in rows])
    if weights.shape[1] != features:
        raise SystemExit(f"{path} does not fit the base: run train.py")
    return Head(weights, np.array([row["bias"] for row in rows])).single()


def check_head(
    path: Path, labels: list[str], layers: list[int], fresh: Head, features: np.ndarray
) -> None:
    """Fail if the committed head says something else about these features."""
    committed = read_head(path, labels, layers, features.shape[1])
    furthest = np.abs(committed.logits(features) - fresh.logits(features)).max()
    print(f"largest difference of a logit: {furthest:.4f} (allowed {_CHECK_TOLERANCE})")
    if furthest > _CHECK_TOLERANCE:
        sys.exit(f"{path} is not what train.py makes of the data: run it and commit both")

"""A linear head, kept as text."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: Half precision moves no logit by more than 0.01 and keeps the files below 40 KB.
_STORED = "<f2"


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


def read_head(path: Path, labels: list[str], layers: list[int]) -> Head:
    """Read a file, refusing one that was trained for something else."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    if list(stored["labels"]) != labels or stored["layers"] != layers:
        raise SystemExit(f"{path} is for other labels or layers: run train.py")
    rows = stored["labels"].values()
    weights = [np.frombuffer(base64.b64decode(row["weights"]), _STORED) for row in rows]
    bias = [row["bias"] for row in rows]
    return Head(np.array(weights), np.array(bias)).single()

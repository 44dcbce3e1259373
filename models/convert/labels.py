"""Names of classes, as `config.json` has them."""

from __future__ import annotations


def named(labels: list[str]) -> dict:
    """Both ways: from the number to the name, and back."""
    return {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "label2id": {label: index for index, label in enumerate(labels)},
    }

"""Reference answers of zero-shot classification, as Hugging Face's pipeline gives them.

Every label makes a hypothesis, which is read after the text; only the text is cut. With one
answer for all labels, the scores are the softmax of their entailment logits; where labels stand
for themselves (or there is one), each is the softmax of entailment against contradiction.

zero_shot.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from comparison import numbers, run
from encoder import TextModel, softmax

_TEMPLATE = "This example is {}."
_ABOUT = "This text is about {}."

#: Text, labels, template, whether several labels may hold.
_CASES = [
    ("anna plays music in the city", ["music", "politics", "sport"], _TEMPLATE, False),
    ("anna plays music in the city", ["music", "politics", "sport"], _TEMPLATE, True),
    ("the team wins the game in the rain", ["sport", "weather"], _TEMPLATE, False),
    ("the team wins the game in the rain", ["sport", "weather"], _ABOUT, True),
    ("I eat good food in Paris", ["food", "travel", "money", "science"], _ABOUT, False),
    ("the bank", ["money"], _TEMPLATE, False),
    ("the bank", ["money"], _TEMPLATE, True),
    ("今天很热", ["weather", "天气"], _TEMPLATE, False),
    ("a phone and a computer, not a book", ["old", "new", "very old", "very new"], "{}", False),
    ("Why is the river so cold?! 🎉", ["a question", "not a question"], _TEMPLATE, True),
    ("he reads a book about science. " * 20, ["science", "music"], _TEMPLATE, False),
    ("he reads a book about science. " * 20, ["science", "music"], _TEMPLATE, True),
]


def zero_shot(directory: Path) -> dict:
    """Per text: the logits of every hypothesis, and the scores in the order of the labels."""
    model = TextModel(directory)
    model.truncate("only_first")
    places = {name.lower(): index for index, name in enumerate(model.config["label2id"])}
    entails, contradicts = places["entailment"], places["contradiction"]
    cases = []
    for text, labels, template, several in _CASES:
        rows = [model.output(model.encode(text, template.format(label))) for label in labels]
        logits = np.stack(rows)
        if several or len(labels) == 1:
            scores = softmax(logits[:, [contradicts, entails]])[:, 1]
        else:
            scores = softmax(logits[:, entails])
        cases.append(
            {
                "text": text,
                "labels": labels,
                "template": template,
                "multi_label": several,
                "logits": [numbers(row) for row in logits],
                "scores": numbers(scores),
            }
        )
    return model.document(cases)


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"toy-nli.zero-shot": zero_shot})

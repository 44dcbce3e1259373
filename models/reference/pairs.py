"""Reference outputs of models that read two texts together: cross-encoders and NLI.

pairs.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

from pathlib import Path

from comparison import numbers, run
from encoder import TextModel, sigmoid, softmax

#: What is asked, and what may answer it; the last text is longer than the model reads.
QUERIES = {
    "where does anna work?": [
        "anna works at acme in berlin.",
        "the cat sits in the house and eats.",
        "peter likes music, not politics",
        "",
        "Anna Smith opened a bank in London; she works with money.",
    ],
    "Is the train slow?": [
        "the train is very slow today",
        "It runs fast.",
        "naïve café with 12 books & a phone",
        "今天火车很慢",
    ],
    "who plays music": ["anna plays", "music plays anna", "john sits in the rain"],
    "FOOD": ["good food", "bad food", "GOOD FOOD!"],
    "天气": ["今天很热", "the weather is hot"],
    "cold river": ["the river is cold", "river cold", "a cold, old river in the new city"],
    "": ["an empty question", ""],
    "how does she travel to tokyo": ["by train", "she flies", "on foot: it is not far"],
    "what": ["the rain is cold in the city and the river is old. " * 20, "what what what"],
    "the sun is hot. " * 15: ["the sun", "the sun is hot. " * 15],
}

_PREMISES = [
    ("anna plays music in the city.", "This example is about music."),
    ("anna plays music in the city.", "This example is not about music."),
    ("the team wins the game", "the team loses the game"),
    ("the team wins the game", "a team wins"),
    ("It is hot.", "It is cold."),
    ("the book was opened by peter", ""),
    ("no man likes rain", "a man likes rain!"),
    ("UPPER and lower CaSe", "upper and lower case"),
    ("he reads a book about science. " * 12, "he reads"),
    ("short", "he reads a book about science. " * 12),
    ("今天很热", "it is hot today"),
    ("e\u0301 and é, ﬁ and fi", "½ ①"),
]


def ranking(directory: Path) -> dict:
    """Per query: the logit of every text, its sigmoid as the score, and the best first."""
    model = TextModel(directory)
    cases = []
    for query, texts in QUERIES.items():
        logits = [model.output(model.encode(query, text))[0] for text in texts]
        order = sorted(range(len(texts)), key=lambda index: -logits[index])
        cases.append(
            {
                "query": query,
                "texts": texts,
                "logits": [float(str(logit)) for logit in logits],
                "scores": [float(str(sigmoid(logit))) for logit in logits],
                "order": order,
            }
        )
    return model.document(cases)


def pair_classification(directory: Path) -> dict:
    """Per pair: the logits and their softmax."""
    model = TextModel(directory)
    cases = []
    for text, pair in _PREMISES:
        tokens = model.encode(text, pair)
        logits = model.output(tokens)
        cases.append(
            {
                "text": text,
                "pair": pair,
                "tokens": len(tokens.ids),
                "logits": numbers(logits),
                "scores": numbers(softmax(logits)),
            }
        )
    return model.document(cases, labels=True)


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"toy-cross-encoder": ranking, "toy-nli": pair_classification})

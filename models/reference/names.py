"""Reference answers of token classification, as Hugging Face's pipeline gives them.

names.py --models DIR [--check] [--only MODEL]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from comparison import numbers, run
from encoder import TextModel, softmax

_TEXTS = [
    "Anna Smith lives in Hamburg.",
    "peter mueller works at AcmeCorp in San Francisco, not in London",
    "Obama",
    "The United Nations opened a house in New York",
    "maria, john and anna like Paris",
    "nobody is here",
    "Hamburg Hamburg Hamburg",
    "John   Smith\n(Google)\tSan Francisco",
    "Ännä Smith 🎉 in São Paulo and Tokyo",
    "university of London, University of Berlin; Acmecorp!",
    "东京 is Tokyo; 安娜 is Anna Mueller",
    "anna peter smith obama",
    "",
    "London " * 200,
]

_MERGED = ["simple", "first", "average", "max"]


@dataclass
class Token:
    """One token that stands in the text."""

    scores: np.ndarray
    start: int
    end: int
    continues: bool


@dataclass
class Entity:
    """A stretch of the text with its label, which may still begin with B- or I-."""

    label: str
    score: float
    start: int
    end: int


def tokens_of(model: TextModel, text: str) -> tuple[list[Token], np.ndarray]:
    """The tokens that are not special with their scores, and all logits."""
    encoding = model.encode(text)
    logits = model.output(encoding)
    shares = softmax(logits)
    tokens = []
    for index, (start, end) in enumerate(encoding.offsets):
        if encoding.special_tokens_mask[index]:
            continue
        # A piece continues a word if its name is longer than the text that it stands for.
        continues = len(encoding.tokens[index]) != end - start
        if encoding.tokens[index] == "[UNK]":
            continues = False
        tokens.append(Token(shares[index], start, end, continues))
    return tokens, logits


def plain(tokens: list[Token], labels: list[str]) -> list[Entity]:
    """Every token by itself."""
    return [_entity(token.scores, labels, token.start, token.end) for token in tokens]


def words(tokens: list[Token], labels: list[str], strategy: str) -> list[Entity]:
    """Every word by itself, its label chosen from its tokens'."""
    groups: list[list[Token]] = []
    for token in tokens:
        if groups and token.continues:
            groups[-1].append(token)
        else:
            groups.append([token])
    choose = _CHOICES[strategy]
    return [_entity(choose(group), labels, group[0].start, group[-1].end) for group in groups]


_CHOICES: dict[str, Callable[[list[Token]], np.ndarray]] = {
    "first": lambda group: group[0].scores,
    "average": lambda group: np.mean([token.scores for token in group], axis=0),
    "max": lambda group: max((token.scores for token in group), key=np.max),
}


def _entity(scores: np.ndarray, labels: list[str], start: int, end: int) -> Entity:
    best = int(scores.argmax())
    return Entity(labels[best], float(scores[best]), start, end)


def merged(entities: list[Entity]) -> list[Entity]:
    """Neighbours of one kind as one, unless the later one begins anew (B-)."""
    groups: list[list[Entity]] = []
    for entity in entities:
        begins, kind = _split(entity.label)
        if groups and not begins and _split(groups[-1][-1].label)[1] == kind:
            groups[-1].append(entity)
        else:
            groups.append([entity])
    return [
        Entity(
            _split(group[0].label)[1],
            float(np.mean([entity.score for entity in group])),
            group[0].start,
            group[-1].end,
        )
        for group in groups
    ]


def _split(label: str) -> tuple[bool, str]:
    if label.startswith(("B-", "I-")):
        return label.startswith("B-"), label[2:]
    return False, label


def token_classification(directory: Path) -> dict:
    """Per text: the logits of all tokens, and the entities for each way to merge them."""
    model = TextModel(directory)
    labels = list(model.config["id2label"].values())
    cases = []
    for text in _TEXTS:
        tokens, logits = tokens_of(model, text)
        answers = {"none": plain(tokens, labels), "simple": merged(plain(tokens, labels))}
        for strategy in _MERGED[1:]:
            answers[strategy] = merged(words(tokens, labels, strategy))
        case = {"text": text, "tokens": len(logits)}
        if len(logits) < model.limit:
            case["logits"] = [numbers(row) for row in logits]
        cases.append(case | {name: _told(found, text) for name, found in answers.items()})
    return model.document(cases, labels=True)


def _told(entities: list[Entity], text: str) -> list[dict]:
    return [
        {
            "label": entity.label,
            "score": entity.score,
            "start": entity.start,
            "end": entity.end,
            "text": text[entity.start : entity.end],
        }
        for entity in entities
        if entity.label != "O"
    ]


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"toy-ner": token_classification})

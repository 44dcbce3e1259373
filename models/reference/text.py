"""Reference outputs of the text models, from Python's ONNX Runtime and tokenizers.

Every text is run alone, so that a service which batches them must prove that batching changes
nothing.

text.py --models DIR           write expected/
text.py --models DIR --check   compare with expected/
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from comparison import numbers, run

TEXTS = [
    "hello",
    "The cat sits outside.",
    "A man is playing a guitar on a small stage while the rain falls outside.",
    "I can't believe we actually WON!!! Best day EVER 🎉🎉",
    "why would you do that to me. i trusted you",
    "今天终于拿到录取通知书了，全家都高兴坏了！",
    "他走了以后，屋子里一下子安静得可怕。",
    "Meeting moved to 3pm 会议改到三楼 see you there",
    "   leading,   inner \t and trailing \n whitespace   ",
    "?!... -- ;;; ()",
    "MiXeD CaSe TeXt With CamelCaseWords and ALLCAPS",
    "naïve café, Ångström, ﬁne ligatures, ½ and ①, e\u0301 composed or not",
    "👩‍👩‍👧‍👦❤️😭",
    "The flight leaves at 06:45 from gate B12; boarding closes 20 minutes before.",
    "What if the results come back bad? I haven't slept since Tuesday.",
    "https://example.com/a?b=c&d=%20e#f user@example.com #hashtag @name 3.14159 -42",
    "a",
    "Привет, как дела? مرحبا こんにちは สวัสดี",
    " ".join(f"Sentence number {number} is here to make this text long." for number in range(80)),
    "很长的一段话，" * 120,
]


class TextModel:
    """A built text model, run on one text at a time."""

    def __init__(self, directory: Path) -> None:
        self._session = onnxruntime.InferenceSession(
            directory / "onnx" / "model.onnx", providers=["CPUExecutionProvider"]
        )
        manifest = tomllib.loads((directory / "forebay.toml").read_text(encoding="utf-8"))
        self.limit = manifest["limits"]["max_tokens"]
        self._prefix = manifest.get("text", {}).get("prefix", "")
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.limit)

    def tokens(self, text: str) -> list[int]:
        """The ids of a text, special ones included, truncated."""
        return self._tokenizer.encode(self._prefix + text).ids

    def output(self, ids: list[int]) -> np.ndarray:
        """The model's only output for one row of tokens."""
        row = np.array([ids], np.int64)
        feed = {
            "input_ids": row,
            "attention_mask": np.ones_like(row),
            "token_type_ids": np.zeros_like(row),
        }
        wanted = [value.name for value in self._session.get_inputs()]
        return self._session.run(None, {name: feed[name] for name in wanted})[0][0]


def embedding(directory: Path) -> dict:
    """Per text: the mean of the last hidden state, at length one."""
    model = TextModel(directory)
    cases = []
    for text in TEXTS:
        ids = model.tokens(text)
        mean = model.output(ids).mean(axis=0)
        unit = mean / np.linalg.norm(mean)
        cases.append({"text": text, "tokens": len(ids), "embedding": numbers(unit)})
    return {"model": directory.name, "max_tokens": model.limit, "cases": cases}


def classification(directory: Path) -> dict:
    """Per text: the logits and their softmax."""
    model = TextModel(directory)
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    cases = []
    for text in TEXTS:
        ids = model.tokens(text)
        logits = model.output(ids)
        powers = np.exp(logits - logits.max())
        case = {"text": text, "tokens": len(ids), "logits": numbers(logits)}
        cases.append(case | {"scores": numbers(powers / powers.sum())})
    labels = list(config["id2label"].values())
    return {
        "model": directory.name,
        "max_tokens": model.limit,
        "labels": labels,
        "cases": cases,
    }


if __name__ == "__main__":
    run(__doc__.splitlines()[0], {"all-minilm-l6-v2": embedding, "emotion": classification})

"""A built text model, run on one text, or one pair, at a time."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

MULTI_LABEL = "multi_label_classification"


class TextModel:
    """The tokenizer and the graph of a directory."""

    def __init__(self, directory: Path) -> None:
        self._name = directory.name
        self._session = onnxruntime.InferenceSession(
            directory / "onnx" / "model.onnx", providers=["CPUExecutionProvider"]
        )
        self.config = _json(directory / "config.json")
        self._prompts = _json(directory / "config_sentence_transformers.json")
        manifest = directory / "forebay.toml"
        stated = tomllib.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {}
        self.limit = stated.get("limits", {}).get(
            "max_tokens", self.config["max_position_embeddings"]
        )
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.no_padding()
        self.truncate("longest_first")

    def truncate(self, strategy: str) -> None:
        """Which side of a pair is cut: `longest_first`, `only_first` or `only_second`."""
        self._tokenizer.enable_truncation(self.limit, strategy=strategy)

    def cut(self, side: str, limit: int) -> None:
        """From which end of a text tokens are cut, and how many are left."""
        self._tokenizer.enable_truncation(limit, direction=side)

    def prompt(self) -> str:
        """What stands before a text when nobody names a prompt."""
        name = self._prompts.get("default_prompt_name")
        return self._prompts["prompts"][name] if name else ""

    def encode(self, text: str, pair: str | None = None) -> Encoding:
        """The tokens of a text or a pair, special ones included, truncated."""
        return self._tokenizer.encode(text, pair)

    def document(self, cases: list[dict], labels: bool = False) -> dict:
        """What is expected of the model, as `expected/` has it."""
        stated = {"labels": list(self.config["id2label"].values())} if labels else {}
        return {"model": self._name, "max_tokens": self.limit, **stated, "cases": cases}

    def output(self, tokens: Encoding) -> np.ndarray:
        """The model's only output for one row of tokens."""
        feed = {
            "input_ids": np.array([tokens.ids], np.int64),
            "attention_mask": np.ones((1, len(tokens.ids)), np.int64),
            "token_type_ids": np.array([tokens.type_ids], np.int64),
        }
        wanted = [value.name for value in self._session.get_inputs()]
        return self._session.run(None, {name: feed[name] for name in wanted})[0][0]


def softmax(logits: np.ndarray) -> np.ndarray:
    """Shares of the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Each number by itself."""
    return 1 / (1 + np.exp(-logits))


def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

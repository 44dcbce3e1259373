"""A SentencePiece unigram vocabulary as a Hugging Face `tokenizer.json`.

The file is written directly, without the tokenizers library, so that its bytes do not depend on
that library's version.
"""

from __future__ import annotations

import base64
import unicodedata
from dataclasses import dataclass

from .charsmap import compile_charsmap

_SPACE = "\u2581"
_MASK = "<mask>"

#: The tokenizers library looks up whole graphemes of fewer bytes than this, else single characters.
_GRAPHEME_BYTES = 6


@dataclass(frozen=True)
class Vocabulary:
    """Pieces with their scores, the special ones, and what normalisation replaces."""

    pieces: list[str]
    scores: list[float]
    bos: int
    eos: int
    pad: int
    unknown: int
    replacements: dict[str, str]

    def special_tokens(self) -> dict[str, str]:
        """The content of `special_tokens_map.json`."""
        bos, eos = self.pieces[self.bos], self.pieces[self.eos]
        return {
            "bos_token": bos,
            "cls_token": bos,
            "eos_token": eos,
            "sep_token": eos,
            "pad_token": self.pieces[self.pad],
            "unk_token": self.pieces[self.unknown],
            "mask_token": _MASK,
        }


def tokenizer(vocabulary: Vocabulary, max_tokens: int) -> dict:
    """The content of `tokenizer.json`."""
    scored = [[piece, score] for piece, score in zip(vocabulary.pieces, vocabulary.scores)]
    return {
        "version": "1.0",
        "truncation": {
            "direction": "Right",
            "max_length": max_tokens,
            "strategy": "LongestFirst",
            "stride": 0,
        },
        "padding": None,
        "added_tokens": _added_tokens(vocabulary),
        "normalizer": _normalizer(vocabulary),
        "pre_tokenizer": _metaspace(),
        "post_processor": _post_processor(vocabulary),
        "decoder": _metaspace(),
        "model": {
            "type": "Unigram",
            "unk_id": vocabulary.unknown,
            "vocab": scored,
            "byte_fallback": False,
        },
    }


def _metaspace() -> dict:
    return {
        "type": "Metaspace",
        "replacement": _SPACE,
        "prepend_scheme": "always",
        "split": True,
    }


def _added_tokens(vocabulary: Vocabulary) -> list[dict]:
    special = {vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unknown}
    special.add(vocabulary.pieces.index(_MASK))
    return [
        {
            "id": index,
            "content": vocabulary.pieces[index],
            "single_word": False,
            "lstrip": vocabulary.pieces[index] == _MASK,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index in sorted(special)
    ]


def _normalizer(vocabulary: Vocabulary) -> dict:
    charsmap = compile_charsmap(_with_compositions(vocabulary.replacements))
    precompiled = {
        "type": "Precompiled",
        "precompiled_charsmap": base64.b64encode(charsmap).decode(),
    }
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    return {"type": "Sequence", "normalizers": [precompiled, spaces]}


def _with_compositions(replacements: dict[str, str]) -> dict[str, str]:
    """Add the pairs of letter and mark that NFKC composes.

    The packed file replaces single characters only; the original rules (nmt_nfkc) compose too.
    """
    complete = dict(replacements)
    for code in [*range(0xD800), *range(0xE000, 0x20000)]:
        composed = chr(code)
        parts = unicodedata.normalize("NFD", composed)
        if parts == composed or unicodedata.normalize("NFC", composed) != composed:
            continue
        if len(parts.encode()) < _GRAPHEME_BYTES:
            complete[parts] = replacements.get(composed, composed)
    return complete


def _post_processor(vocabulary: Vocabulary) -> dict:
    bos, eos = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]

    def special(token: str) -> dict:
        return {"SpecialToken": {"id": token, "type_id": 0}}

    def text(name: str) -> dict:
        return {"Sequence": {"id": name, "type_id": 0}}

    single = [special(bos), text("A"), special(eos)]
    ids = {bos: vocabulary.bos, eos: vocabulary.eos}
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": [*single, special(eos), text("B"), special(eos)],
        "special_tokens": {
            token: {"id": token, "ids": [index], "tokens": [token]}
            for token, index in sorted(ids.items())
        },
    }

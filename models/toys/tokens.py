"""A small WordPiece vocabulary, and the files of a BERT that reads with it."""

from __future__ import annotations

import string

from convert.directory import ModelDirectory

_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

#: Whole words, so that short sentences are not spelt out letter by letter.
_WORDS = (
    "the a an is are was were be this that it he she they we you i example about not no very "
    "in on at of to from with for and or but who what where when why how "
    "cat dog bird man woman child people music politics sport science food travel weather "
    "team game rain sun city river house train book film computer phone money work school "
    "good bad new old big small happy sad angry fast slow red green blue hot cold "
    "plays play sits runs reads writes eats lives works likes hates wins loses opened closed "
    "anna peter maria john smith mueller obama london paris berlin tokyo ham york san francisco "
    "acme apple google bank university united nations new south"
).split()

#: Pieces that continue a word.
_ENDINGS = "s ed ing er ly burg ton ville corp ia land".split()

_LETTERS = string.ascii_lowercase + string.digits
_MARKS = ".,;:!?'\"()-/&%@#"

#: What these models read at most.
POSITIONS = 128


def vocabulary() -> list[str]:
    """All pieces, in the order of their ids."""
    words = list(dict.fromkeys(_WORDS))
    endings = [f"##{ending}" for ending in _ENDINGS if len(ending) > 1]
    letters = [*_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    singles = [word for word in words if len(word) > 1]
    return [*_SPECIAL, *_MARKS, *letters, *singles, *endings]


def write_tokenizer(directory: ModelDirectory) -> None:
    """Write `tokenizer.json` and its companion, as Hugging Face does for BERT."""
    pieces = vocabulary()
    directory.write_json("tokenizer.json", _tokenizer(pieces))
    directory.write_json(
        "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": True,
            "model_max_length": POSITIONS,
            "cls_token": "[CLS]",
            "mask_token": "[MASK]",
            "pad_token": "[PAD]",
            "sep_token": "[SEP]",
            "unk_token": "[UNK]",
        },
    )


def _tokenizer(pieces: list[str]) -> dict:
    ids = {piece: index for index, piece in enumerate(pieces)}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": ids[token],
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for token in _SPECIAL
        ],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": _post_processor(ids),
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }


def _post_processor(ids: dict[str, int]) -> dict:
    def special(token: str, kind: int) -> dict:
        return {"SpecialToken": {"id": token, "type_id": kind}}

    def text(name: str, kind: int) -> dict:
        return {"Sequence": {"id": name, "type_id": kind}}

    first = [special("[CLS]", 0), text("A", 0), special("[SEP]", 0)]
    return {
        "type": "TemplateProcessing",
        "single": first,
        "pair": [*first, text("B", 1), special("[SEP]", 1)],
        "special_tokens": {
            token: {"id": token, "ids": [ids[token]], "tokens": [token]}
            for token in ("[CLS]", "[SEP]")
        },
    }

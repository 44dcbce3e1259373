"""What tokenizers say of texts, and of ids, from Python's tokenizers.

tokens.py --models DIR           write expected/
tokens.py --models DIR --check   compare with expected/
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer

from comparison import run
from encoder import TextModel
from text import TEXTS


def tokens(directory: Path) -> dict:
    """Per text: its tokens with their places, none cut off, and what their ids say."""
    model = TextModel(directory)
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    cases = []
    for text in TEXTS:
        whole = model.prompt() + text
        encoding = tokenizer.encode(whole)
        pieces = [
            [number, name, True, None, None]
            if special
            else [number, whole[start:stop], False, start, stop]
            for number, name, special, (start, stop) in zip(
                encoding.ids, encoding.tokens, encoding.special_tokens_mask, encoding.offsets
            )
        ]
        said = [tokenizer.decode(encoding.ids, skip_special_tokens=skip) for skip in (True, False)]
        cases.append({"text": text, "pieces": pieces, "said": said[0], "whole": said[1]})
    return model.document(cases)


if __name__ == "__main__":
    run(
        __doc__.splitlines()[0],
        {
            "all-minilm-l6-v2.tokens": tokens,
            "multilingual-e5-small.tokens": tokens,
        },
    )

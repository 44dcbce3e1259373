"""Reference outputs of the text models, from Python's ONNX Runtime and tokenizers.

Every text is run alone, so that a service which batches them must prove that batching changes
nothing.

text.py --models DIR           write expected/
text.py --models DIR --check   compare with expected/
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from comparison import numbers, run
from encoder import MULTI_LABEL, TextModel, sigmoid, softmax

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


def embedding(directory: Path) -> dict:
    """Per text: the mean of the last hidden state, at length one."""
    model = TextModel(directory)
    cases = []
    for text in TEXTS:
        tokens = model.encode(model.prompt() + text)
        mean = model.output(tokens).mean(axis=0)
        unit = mean / np.linalg.norm(mean)
        cases.append({"text": text, "tokens": len(tokens.ids), "embedding": numbers(unit)})
    return model.document(cases)


def classification(directory: Path) -> dict:
    """Per text: the logits and the scores, which are their softmax unless labels may be several."""
    model = TextModel(directory)
    activate = sigmoid if model.config.get("problem_type") == MULTI_LABEL else softmax
    cases = []
    for text in TEXTS:
        tokens = model.encode(text)
        logits = model.output(tokens)
        case = {"text": text, "tokens": len(tokens.ids), "logits": numbers(logits)}
        cases.append(case | {"scores": numbers(activate(logits))})
    return model.document(cases, labels=True)


if __name__ == "__main__":
    run(
        __doc__.splitlines()[0],
        {
            "all-minilm-l6-v2": embedding,
            "multilingual-e5-small": embedding,
            "emotion": classification,
            "prompt-injection": classification,
            "toy-multilabel": classification,
        },
    )

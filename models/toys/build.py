"""Makes the toy models, which stand beside this file and are committed.

They are small enough to be in the repository and shaped like models that people use, so that
every kind can be tried where no starter model is of that shape. The same bytes every time.

build.py           write them
build.py --check   fail if they are not what this script writes
"""

from __future__ import annotations

import argparse
import filecmp
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import detection  # noqa: E402
import vision  # noqa: E402
from convert.directory import ModelDirectory  # noqa: E402
from text import Head, encoder_alone, sequence_classifier, token_classifier  # noqa: E402

_SEQUENCE = "BertForSequenceClassification"

#: Pieces that the toy of names knows. Where the pieces of a word disagree ("ham" + "##burg"), the
#: ways to merge them give different answers.
_NAMES = {
    "anna": {"B-PER": 6},
    "peter": {"B-PER": 5},
    "maria": {"B-PER": 5.5},
    "john": {"B-PER": 6},
    "smith": {"I-PER": 6},
    "mueller": {"I-PER": 5, "B-PER": 3},
    "obama": {"B-PER": 3.5, "I-PER": 4},
    "london": {"B-LOC": 6},
    "paris": {"B-LOC": 5, "B-PER": 4},
    "berlin": {"B-LOC": 6},
    "tokyo": {"B-LOC": 6},
    "ham": {"B-LOC": 3.5, "O": 3},
    "##burg": {"I-LOC": 4, "I-ORG": 5.5},
    "york": {"I-LOC": 6},
    "san": {"B-LOC": 5},
    "francisco": {"I-LOC": 5},
    "acme": {"B-ORG": 6},
    "##corp": {"I-ORG": 6},
    "google": {"B-ORG": 5},
    "united": {"B-ORG": 4.5},
    "nations": {"I-ORG": 5},
    "university": {"B-ORG": 4, "O": 3.5},
}

_MODELS: dict[str, Callable[[ModelDirectory], None]] = {
    "toy-nli": partial(
        sequence_classifier,
        head=Head(_SEQUENCE, ["entailment", "neutral", "contradiction"]),
        seed=1,
    ),
    "toy-ner": partial(
        token_classifier,
        head=Head(
            "BertForTokenClassification",
            ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"],
        ),
        known=_NAMES,
        seed=2,
    ),
    "toy-cross-encoder": partial(
        sequence_classifier, head=Head(_SEQUENCE, ["LABEL_0"]), seed=3
    ),
    "toy-multilabel": partial(
        sequence_classifier,
        head=Head(
            _SEQUENCE,
            ["music", "politics", "sport", "science", "food"],
            "multi_label_classification",
        ),
        seed=4,
    ),
    "toy-embedding": partial(encoder_alone, seed=7),
    "toy-clip": vision.image_encoder,
    "toy-segformer": vision.segmenter,
    "toy-upscale-x2": vision.enlarger,
    "toy-detr": detection.detr,
    "toy-yolov5": detection.yolov5,
    "toy-yolov8": detection.yolov8,
    "toy-yolox": detection.yolox,
    "toy-end-to-end": detection.end_to_end,
}


def write_all(folder: Path) -> None:
    """Write every toy into a directory of its own."""
    for name, write in _MODELS.items():
        write(ModelDirectory(folder / name))


def check() -> None:
    """Compare what is committed with what is written now, file by file."""
    with tempfile.TemporaryDirectory() as temporary:
        fresh = Path(temporary)
        write_all(fresh)
        for file in sorted(path for path in fresh.rglob("*") if path.is_file()):
            committed = HERE / file.relative_to(fresh)
            if not committed.is_file() or not filecmp.cmp(file, committed, shallow=False):
                sys.exit(f"{committed} is not what build.py writes: run it and commit the result")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if parser.parse_args().check:
        check()
    else:
        write_all(HERE)


if __name__ == "__main__":
    main()

"""Makes `images/print/`: printed lines in several sizes, colours, angles and writings.

printed.py --package DIR --font FILE

DIR is the unpacked wheel of scikit-image 0.26.0; FILE is NotoSansCJKtc-Regular.otf (OFL-1.1), from the
wheel of cvttf-NotoSansCJK-Regular 1.0.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from comparison import HERE


@dataclass(frozen=True)
class Page:
    """A picture and its lines: text, left, top, size."""

    size: tuple[int, int]
    lines: list[tuple[str, int, int, int]]
    paper: tuple[int, int, int] = (255, 255, 255)
    ink: tuple[int, int, int] = (0, 0, 0)
    turned: float = 0
    #: Lines that stand on their head.
    upside_down: list[int] = field(default_factory=list)


_PAGES = {
    "one-line": Page((320, 60), [("The quick brown fox", 12, 12, 28)]),
    "paragraph": Page(
        (420, 200),
        [
            ("Forebay runs models", 20, 10, 26),
            ("asynchronously: submit a job,", 20, 55, 26),
            ("wait, and fetch the result.", 20, 100, 26),
            ("Invoice No. 2026-1121", 20, 150, 22),
        ],
    ),
    "columns": Page(
        (520, 150),
        [
            ("Left first", 20, 20, 24),
            ("Left second", 20, 80, 24),
            ("Right first", 300, 20, 24),
            ("Right second", 300, 80, 24),
        ],
    ),
    "chinese": Page((360, 130), [("今天天气很好", 20, 10, 36), ("我们去公园散步", 20, 68, 36)]),
    "mixed": Page((420, 110), [("订单 Order 12345 已完成", 16, 10, 30), ("合计 98.50 元", 16, 58, 30)]),
    "light-on-dark": Page(
        (360, 80), [("White on blue", 20, 18, 32)], paper=(20, 40, 120), ink=(250, 250, 250)
    ),
    "turned": Page((380, 180), [("Slightly turned text", 50, 60, 30)], turned=8),
    "upside-down": Page(
        (380, 120), [("Right way up", 20, 8, 30), ("Upside down", 20, 64, 30)], upside_down=[1]
    ),
    "small": Page((260, 50), [("small print is hard to read", 8, 8, 13), ("12:45", 200, 26, 13)]),
    "large": Page((900, 240), [("BIG LETTERS", 40, 30, 110), ("and a note below", 60, 180, 32)]),
    "nothing": Page((160, 90), [], paper=(200, 205, 210)),
    "marks": Page((420, 70), [("a+b=c; (50%) #1 user@mail.org", 12, 14, 26)]),
}


def draw(page: Page, font: Path) -> Image.Image:
    """One picture."""
    picture = Image.new("RGB", page.size, page.paper)
    for index, (text, left, top, size) in enumerate(page.lines):
        face = ImageFont.truetype(str(font), size)
        if index in page.upside_down:
            box = face.getbbox(text)
            line = Image.new("RGB", (box[2] + 4, box[3] + 6), page.paper)
            ImageDraw.Draw(line).text((2, 0), text, page.ink, face)
            picture.paste(line.rotate(180), (left, top))
        else:
            ImageDraw.Draw(picture).text((left, top), text, page.ink, face)
    if page.turned:
        picture = picture.rotate(page.turned, Image.Resampling.BICUBIC, fillcolor=page.paper)
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the pictures of print.")
    parser.add_argument("--package", type=Path, required=True, metavar="DIR")
    parser.add_argument("--font", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    folder = HERE / "images" / "print"
    for name, page in _PAGES.items():
        draw(page, arguments.font).quantize(32).save(folder / f"{name}.png", optimize=True)
    with Image.open(arguments.package / "skimage/data/page.png") as page:
        page.convert("L").quantize(32).save(folder / "photographed-page.png", optimize=True)


if __name__ == "__main__":
    main()

"""Makes `images/shapes/`: red, green and blue things on grey, for the toys that look for them.

shapes.py
"""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image

from comparison import HERE

_COLOURS = {
    "red": (235, 20, 15),
    "green": (10, 220, 25),
    "blue": (20, 15, 240),
    "dark red": (150, 30, 30),
    "white": (255, 255, 255),
    "orange": (240, 130, 20),
}


class Thing(NamedTuple):
    """A rectangle of one colour: left, top, right, bottom in shares of the picture's sides."""

    colour: str
    box: tuple[float, float, float, float]


#: Per picture: width, height, the grey behind, and what is in it.
_PICTURES = {
    "one": (64, 64, 114, [Thing("red", (0.25, 0.25, 0.55, 0.55))]),
    "two": (128, 128, 90, [Thing("red", (0.1, 0.1, 0.4, 0.4)), Thing("blue", (0.6, 0.4, 0.8, 0.95))]),
    "wide": (240, 80, 60, [Thing("green", (0.1, 0.3, 0.4, 0.7)), Thing("red", (0.7, 0.2, 0.9, 0.8))]),
    "high": (75, 200, 130, [Thing("blue", (0.3, 0.1, 0.7, 0.5)), Thing("green", (0.1, 0.7, 0.9, 0.85))]),
    "nothing": (100, 70, 128, []),
    "small": (33, 47, 40, [Thing("red", (0.2, 0.5, 0.7, 0.8))]),
    "large": (640, 480, 110, [Thing("red", (0.05, 0.05, 0.5, 0.7)), Thing("green", (0.55, 0.6, 0.95, 0.8))]),
    "overlapping": (160, 120, 20, [Thing("red", (0.2, 0.2, 0.6, 0.7)), Thing("blue", (0.45, 0.1, 0.65, 0.9))]),
    "many": (
        200,
        200,
        100,
        [
            Thing(colour, (column / 4 + 0.05, row / 4 + 0.05, column / 4 + 0.2, row / 4 + 0.2))
            for row in range(4)
            for column, colour in enumerate(("red", "green", "blue", "dark red"))
        ],
    ),
    "edge": (90, 90, 70, [Thing("green", (0.0, 0.0, 0.35, 0.2)), Thing("blue", (0.85, 0.6, 1.0, 1.0))]),
    "pale": (150, 100, 200, [Thing("orange", (0.1, 0.2, 0.4, 0.7)), Thing("dark red", (0.6, 0.3, 0.8, 0.7))]),
    "whole": (50, 50, 0, [Thing("blue", (0.0, 0.0, 1.0, 1.0))]),
    "bright": (64, 48, 255, [Thing("white", (0.2, 0.2, 0.5, 0.5)), Thing("red", (0.6, 0.5, 0.9, 0.9))]),
    "line": (300, 12, 114, [Thing("green", (0.4, 0.1, 0.6, 0.9))]),
}


def draw(width: int, height: int, grey: int, things: list[Thing]) -> Image.Image:
    """One picture."""
    picture = Image.new("RGB", (width, height), (grey, grey, grey))
    for colour, (left, top, right, bottom) in things:
        box = (
            round(left * width),
            round(top * height),
            round(right * width),
            round(bottom * height),
        )
        picture.paste(_COLOURS[colour], box)
    return picture


def main() -> None:
    for name, picture in _PICTURES.items():
        draw(*picture).save(HERE / "images" / "shapes" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()

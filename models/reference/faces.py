"""Makes `images/faces/` from `images/photo-astronaut.png`: two, small, turned, cut off, in grey.

faces.py
"""

from __future__ import annotations

from PIL import Image, ImageOps

from comparison import HERE

_IMAGES = HERE / "images"

#: Where the face is, with hair and collar.
_FACE = (50, 5, 125, 90)
_COLOURS = 96
_GREY = (120, 124, 128)


def pictures(whole: Image.Image) -> dict[str, Image.Image]:
    """The new pictures by name."""
    face = whole.crop(_FACE)
    two = Image.new("RGB", (220, 110), _GREY)
    two.paste(face.resize((90, 102)), (8, 4))
    two.paste(ImageOps.mirror(face).resize((60, 68)), (140, 30))
    many = Image.new("RGB", (200, 150), _GREY)
    for index in range(6):
        width = 20 + 8 * index
        small = face.resize((width, width * 17 // 15))
        many.paste(small, (index % 3 * 66 + 4, index // 3 * 75 + 2))
    return {
        "two": two,
        "many": many,
        "turned": whole.rotate(20, fillcolor=_GREY).crop((30, 10, 150, 120)),
        "cut-off": whole.crop((75, 20, 160, 100)),
        "in-grey": face.convert("L").resize((150, 170)),
    }


def main() -> None:
    with Image.open(_IMAGES / "photo-astronaut.png") as photograph:
        made = pictures(photograph.convert("RGB"))
    for name, picture in made.items():
        few = picture if picture.mode == "L" else picture.quantize(_COLOURS)
        few.save(_IMAGES / "faces" / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()

"""Makes `images/formats/`, one small photograph in many kinds of file, and says what is to be read.

A picture is read the way up that its camera was held, and as eight bits of red, green and blue:
alpha is dropped, grey is repeated, and of several frames the first is taken.

formats.py           write the files and expected/formats.json
formats.py --check   compare what Pillow reads with expected/formats.json
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from comparison import HERE
from digest import digest

_FOLDER = HERE / "images" / "formats"
_EXPECTED = HERE / "expected" / "formats.json"

#: Of photo-cat.png: an eye, so that no turn or mirror looks like another.
_PART = (90, 30, 154, 78)

#: The tag of a camera's position in Exif.
_ORIENTATION = 274

#: How far two decoders of JPEG or WebP may be from each other in a pixel's byte.
_LOSSY = {".jpg", ".webp"}


def write_files() -> None:
    """Write every file that Pillow can write, and a PNG of sixteen bits that it cannot."""
    with Image.open(HERE / "images" / "photo-cat.png") as whole:
        picture = whole.convert("RGB").crop(_PART)
    grey = picture.convert("L")
    alpha = picture.copy()
    alpha.putalpha(Image.linear_gradient("L").resize(picture.size))
    other = ImageOps.invert(picture)

    def save(made: Image.Image, name: str, **options: object) -> None:
        made.save(_FOLDER / name, **options)

    save(picture, "plain.png")
    save(picture, "plain.bmp")
    save(picture, "deflate.tiff", compression="tiff_adobe_deflate")
    save(picture, "lzw.tiff", compression="tiff_lzw")
    save(grey, "grey.tiff")
    save(picture, "baseline.jpg", quality=85)
    save(picture, "progressive.jpg", quality=85, progressive=True)
    save(picture, "full-colour.jpg", quality=90, subsampling=0)
    save(grey, "grey.jpg", quality=85)
    save(picture.convert("CMYK"), "cmyk.jpg", quality=90)
    save(picture, "lossy.webp", quality=80)
    save(picture, "lossless.webp", lossless=True)
    save(alpha, "alpha.webp", lossless=True)
    save(picture, "animated.webp", lossless=True, save_all=True, append_images=[other])
    save(picture.quantize(64), "still.gif")
    save(
        picture.quantize(64), "animated.gif", save_all=True, append_images=[other.quantize(64)]
    )
    save(alpha, "alpha.png")
    save(grey, "grey.png")
    save(alpha.convert("LA"), "grey-alpha.png")
    save(picture.quantize(16), "palette.png", bits=4)
    save(grey.convert("1"), "one-bit.png")
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[_ORIENTATION] = turn
        save(picture, f"turned-{turn}.jpg", quality=85, exif=exif)
    _write_sixteen_bits(np.asarray(picture), _FOLDER / "sixteen-bits.png")
    _write_sixteen_bits(np.asarray(grey)[..., None], _FOLDER / "sixteen-bits-grey.png")


def _write_sixteen_bits(values: np.ndarray, path: Path) -> None:
    """A PNG of values from 0 to 65535, of which all ways to eight bits make the same."""
    height, width, channels = values.shape
    rows = (values.astype(np.uint16) * 257).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    colour = {1: 0, 3: 2}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(raw, 9)), (b"IEND", b"")]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, body in parts:
            checksum = zlib.crc32(kind + body)
            file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum))


def read(path: Path) -> np.ndarray:
    """[height, width, 3] bytes."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        if upright.mode.startswith("I;16"):
            upper = (np.asarray(upright, np.uint16) >> 8).astype(np.uint8)
            upright = Image.fromarray(upper)
        return np.asarray(upright.convert("RGB"))


def expectations() -> dict:
    """Per file: its size, whether all decoders must agree on every byte, and a digest."""
    cases = []
    for path in sorted(_FOLDER.iterdir()):
        values = read(path)
        exact = path.suffix not in _LOSSY or path.stem in ("lossless", "alpha", "animated")
        cases.append(
            {
                "file": f"formats/{path.name}",
                "width": values.shape[1],
                "height": values.shape[0],
                "exact": exact,
                "picture": digest(values),
            }
        )
    return {"cases": cases}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if parser.parse_args().check:
        if json.loads(_EXPECTED.read_text(encoding="utf-8")) != expectations():
            sys.exit("this Pillow reads the pictures in another way than the one before")
        return
    write_files()
    cases = ",\n".join(
        json.dumps(case, separators=(",", ":")) for case in expectations()["cases"]
    )
    _EXPECTED.write_text(f'{{"cases": [\n{cases}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()

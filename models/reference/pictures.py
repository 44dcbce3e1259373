"""Makes `images/` and `../samples/`: photographs from scikit-image and drawn pictures.

pictures.py --package DIR    DIR is the unpacked wheel of scikit-image 0.26.0
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from comparison import HERE

_DATA = "skimage/data"
_SAMPLES = HERE.parent / "samples"

#: Photographs by name: the file and the longer side in pixels.
_PHOTOGRAPHS = {
    "photo-cat": ("chelsea.png", 256),
    "photo-coffee": ("coffee.png", 240),
    "photo-astronaut": ("astronaut.png", 200),
    "photo-rocket": ("rocket.jpg", 220),
}
_SAMPLE_SIDE = 320
_JPEG_QUALITY = 82


def photograph(package: Path, file: str, side: int) -> Image.Image:
    """One photograph, made smaller."""
    path = package / _DATA / file
    if not path.is_file():
        raise SystemExit(f"{path} is missing: unpack the wheel of scikit-image 0.26.0")
    picture = Image.open(path).convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    return picture


def drawn() -> dict[str, Image.Image]:
    """Pictures of every mode and shape that a decoder should expect."""
    return {
        "gradient-224x224": Image.fromarray(_gradient(224, 224)),
        "gradient-landscape": Image.fromarray(_gradient(90, 300)),
        "gradient-portrait": Image.fromarray(_gradient(301, 121)),
        "checkerboard": Image.fromarray(_checkerboard(320, 7)),
        "grey": Image.fromarray(_gradient(160, 210)[..., 0]),
        "rgba": _with_alpha(Image.fromarray(_gradient(200, 180))),
        "palette": Image.fromarray(_gradient(180, 240)).quantize(16),
        "one-pixel-wide": Image.fromarray(_gradient(64, 1)),
        "one-pixel": Image.new("RGB", (1, 1), (200, 30, 60)),
        "large-flat": _rectangles(1280, 1031),
    }


def _gradient(height: int, width: int) -> np.ndarray:
    down = np.linspace(0, 255, height)[:, None]
    across = np.linspace(255, 0, width)[None, :]
    channels = [down + 0 * across, across + 0 * down, (down + across) / 2]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _checkerboard(side: int, square: int) -> np.ndarray:
    rows, columns = np.indices((side, side)) // square
    dark = ((rows + columns) % 2)[..., None]
    return np.where(dark, [20, 40, 90], [250, 240, 200]).astype(np.uint8)


def _with_alpha(picture: Image.Image) -> Image.Image:
    alpha = np.tile(np.linspace(0, 255, picture.width).astype(np.uint8), (picture.height, 1))
    picture.putalpha(Image.fromarray(alpha))
    return picture


def _rectangles(width: int, height: int) -> Image.Image:
    picture = Image.new("RGB", (width, height), (120, 170, 220))
    picture.paste((40, 120, 50), (0, height * 2 // 3, width, height))
    picture.paste((230, 220, 80), (width * 3 // 4, 80, width * 3 // 4 + 160, 240))
    picture.paste((150, 60, 40), (300, 400, 720, 800))
    return picture


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the reference pictures.")
    parser.add_argument(
        "--package", type=Path, required=True, metavar="DIR", help="unpacked scikit-image wheel"
    )
    package = parser.parse_args().package
    pictures = {
        name: photograph(package, file, side) for name, (file, side) in _PHOTOGRAPHS.items()
    }
    for name, picture in (pictures | drawn()).items():
        picture.save(HERE / "images" / f"{name}.png", optimize=True)
    for name, file in (("cat", "chelsea.png"), ("coffee", "coffee.png")):
        sample = photograph(package, file, _SAMPLE_SIDE)
        sample.save(_SAMPLES / f"{name}.jpg", quality=_JPEG_QUALITY, optimize=True)


if __name__ == "__main__":
    main()

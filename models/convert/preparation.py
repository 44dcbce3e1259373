"""How pictures are prepared, in the words of `preprocessor_config.json`."""

from __future__ import annotations

#: Pillow's numbers for its filters.
LANCZOS, BILINEAR, BICUBIC = 1, 2, 3

#: Bytes of a channel stay 0 to 255.
AS_BYTES = {"do_rescale": False, "rescale_factor": 1}

#: Bytes of a channel become 0 to 1.
AS_SHARES = {"do_rescale": True, "rescale_factor": 1 / 255}

#: Nothing is subtracted and nothing divided.
AS_THEY_ARE = {"do_normalize": False}


def square(side: int, resample: int) -> dict:
    """Three channels, resized to a square whatever their shape."""
    return {
        "do_convert_rgb": True,
        "do_resize": True,
        "size": {"height": side, "width": side},
        "resample": resample,
    }


def normalized(mean: list[float], deviation: list[float]) -> dict:
    """What is subtracted from each channel, and what it is then divided by."""
    return {"do_normalize": True, "image_mean": mean, "image_std": deviation}

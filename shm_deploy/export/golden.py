"""The small picture in the sidecar with which `Matter` tests a model when it loads it."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shm_deploy import spec
from shm_deploy.export.photographs import cover
from shm_deploy.sidecar import GoldenImage, png_to_text

SIZE = (128, 160)  # (height, width): large enough to show a wrong network, small enough for milliseconds


def golden_input(image: NDArray[np.uint8], smallest: tuple[int, int]) -> NDArray[np.uint8]:
    """The middle of a photograph, small.

    Args:
        image: (H, W, 3) RGB.
        smallest: (height, width) below which the model takes nothing.

    Returns:
        (h, w, 3) RGB of `SIZE`, or of `smallest` where that is larger.
    """
    height, width = (max(ours, theirs) for ours, theirs in zip(SIZE, smallest, strict=True))
    return cover(image, (height, width))


def golden_image(image: NDArray[np.uint8], alpha: NDArray[np.uint8], tolerance: spec.Tolerance) -> GoldenImage:
    """Pack a picture (H, W, 3) with the alpha (H, W) that the joined float32 graph gave for it."""
    return GoldenImage(image_png=_png(image), alpha_png=_png(alpha), tolerance=tolerance)


def _png(pixels: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", optimize=True)
    return png_to_text(stream.getvalue())

"""Colours under an alpha: the foreground without its old background, and over a new one."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import BackendUnavailable, SpecError

Quality = Literal["fast", "exact"]

# Diameters [px] of the two passes of blur fusion, as published.
COARSE_BLUR = 90
FINE_BLUR = 6
EPSILON = 1e-5


def estimate_foreground(
    image: NDArray[np.uint8], alpha: NDArray[np.uint8], quality: Quality = "fast"
) -> NDArray[np.uint8]:
    """Colours of the foreground alone, so that hair does not carry its old background to a new one.

    Source: Forte 2021, Approximate Fast Foreground Colour Estimation ("fast", milliseconds); Germer et al. 2020,
    Fast Multi-Level Foreground Estimation ("exact", from pymatting, whose first import compiles for a minute).

    Args:
        image: (H, W, 3) uint8, any channel order.
        alpha: (H, W) uint8.

    Returns:
        (H, W, 3) uint8, the image's channel order; equal to the image where alpha is 255.

    Raises:
        SpecError: shapes that do not fit, an unknown quality.
        BackendUnavailable: "exact" without pymatting.
    """
    if image.shape != (*alpha.shape, 3):
        raise SpecError(f"got an image {image.shape} and an alpha {alpha.shape}; wanted H×W×3 and H×W of one size")
    match quality:
        case "fast":
            return _blur_fusion(image, alpha)
        case "exact":
            return _multi_level(image, alpha)
        case _:
            raise SpecError(f"got quality {quality!r}; wanted 'fast' or 'exact'")


def cut_out(image: NDArray[np.uint8], alpha: NDArray[np.uint8], quality: Quality = "fast") -> NDArray[np.uint8]:
    """(H, W, 3) and (H, W) -> (H, W, 4) uint8: estimated foreground colours, not premultiplied, and alpha."""
    return np.dstack([estimate_foreground(image, alpha, quality), alpha])


def composite(
    foreground: NDArray[np.uint8], alpha: NDArray[np.uint8], background: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Lay a foreground over a new background.

    Source: Chen et al. 2018, Eq. 1.

    Args:
        foreground: (H, W, 3) uint8, from `estimate_foreground`.
        alpha: (H, W) uint8.
        background: (H, W, 3) uint8 of the same channel order, or (3,) for one colour.

    Returns:
        (H, W, 3) uint8, the caller's own.
    """
    if foreground.shape != (*alpha.shape, 3) or background.shape not in (foreground.shape, (3,)):
        raise SpecError(
            f"got foreground {foreground.shape}, alpha {alpha.shape}, background {background.shape}; "
            "wanted H×W×3, H×W, and H×W×3 or one colour (3,)"
        )
    weight = alpha[..., None].astype(np.uint16)
    total = foreground * weight + background * (255 - weight)  # at most 255 * 255: fits 16 bits
    return ((total + 127) // 255).astype(np.uint8)


def _blur_fusion(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    pixels = image.astype(np.float32)
    weight = np.divide(alpha, 255, dtype=np.float32)[..., None]
    foreground, background = _blur_fusion_pass(pixels, pixels, pixels, weight, COARSE_BLUR)
    foreground, _ = _blur_fusion_pass(pixels, foreground, background, weight, FINE_BLUR)
    return np.asarray(np.rint(foreground), np.uint8)


def _blur_fusion_pass(
    image: NDArray[np.float32],
    foreground: NDArray[np.float32],
    background: NDArray[np.float32],
    weight: NDArray[np.float32],
    diameter: int,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Better colours of foreground and background, all (H, W, 3) in 0..255; weight (H, W, 1) in 0..1."""
    import cv2

    size = (diameter, diameter)
    blurred_weight = cv2.blur(weight, size)[..., None]
    foreground = cv2.blur(foreground * weight, size) / (blurred_weight + EPSILON)
    background = cv2.blur(background * (1 - weight), size) / (1 - blurred_weight + EPSILON)
    residual = image - weight * foreground - (1 - weight) * background
    return np.clip(foreground + weight * residual, 0, 255), background


def _multi_level(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    try:
        from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml
    except ImportError as error:
        raise BackendUnavailable(
            f"quality='exact' needs pymatting, which does not import ({error}): "
            "pip install 'semantic-human-matting[quality]'"
        ) from error
    foreground = estimate_foreground_ml(image / 255.0, alpha / 255.0)
    return np.asarray(np.rint(np.clip(foreground, 0, 1) * 255), np.uint8)

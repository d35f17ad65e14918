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
COARSE_STEP = 4  # the coarse blur runs on means of this many pixels each way
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
    import cv2

    behind = np.broadcast_to(background, foreground.shape)
    # Sums of bytes are exact in 32-bit floats, and a tie between two bytes can't be: the rounding is to the nearest.
    shares = [x.astype(np.float32) for x in (alpha, 255 - alpha)]
    return np.asarray(cv2.blendLinear(foreground, np.ascontiguousarray(behind), *shares), np.uint8)


def _blur_fusion(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    foreground = np.zeros_like(image)
    box = _neighbourhood(alpha)
    if box is not None:
        foreground[box] = _blur_fusion_within(image[box], alpha[box])
    return foreground


def _neighbourhood(alpha: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """The box around all that is not transparent, as far as the coarse blur reaches; None for an empty alpha."""
    rows, columns = (np.flatnonzero(alpha.any(axis=axis)) for axis in (1, 0))
    if len(rows) == 0:
        return None
    return (
        slice(max(0, rows[0] - COARSE_BLUR), rows[-1] + 1 + COARSE_BLUR),
        slice(max(0, columns[0] - COARSE_BLUR), columns[-1] + 1 + COARSE_BLUR),
    )


def _blur_fusion_within(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two passes; only pixels of partial alpha are solved for, and the coarse blur runs at a quarter of the size."""
    import cv2

    height, width = alpha.shape
    pixels = image.astype(np.float32)
    weight = np.divide(alpha, 255, dtype=np.float32)[..., None]  # (H, W, 1)
    partial = np.flatnonzero((alpha > 0) & (alpha < 255))
    w, i = _at(weight, partial), _at(pixels, partial)  # (num, 1), (num, 3)

    premultiplied = pixels * weight
    small = (max(1, width // COARSE_STEP), max(1, height // COARSE_STEP))
    small_premultiplied, small_pixels = (
        cv2.resize(x, small, interpolation=cv2.INTER_AREA) for x in (premultiplied, pixels)
    )
    small_weight = cv2.resize(weight, small, interpolation=cv2.INTER_AREA)[..., None]
    diameter = COARSE_BLUR // COARSE_STEP
    coarse_foreground = _weighted_blur(small_premultiplied, small_weight, diameter)
    coarse_background = _weighted_blur(small_pixels - small_premultiplied, 1 - small_weight, diameter)
    foreground, background = (
        cv2.resize(x, (width, height), interpolation=cv2.INTER_LINEAR) for x in (coarse_foreground, coarse_background)
    )

    # Elsewhere the first pass leaves the image where alpha is 1, and nothing where it is 0.
    premultiplied.reshape(-1, 3)[partial] = w * _closer(i, _at(foreground, partial), _at(background, partial), w)
    foreground = _weighted_blur(premultiplied, weight, FINE_BLUR)
    background = _weighted_blur(background * (1 - weight), 1 - weight, FINE_BLUR)
    result = np.rint(foreground).astype(np.uint8)
    result.reshape(-1, 3)[partial] = np.rint(_closer(i, _at(foreground, partial), _at(background, partial), w))
    return np.asarray(cv2.copyTo(image, np.equal(alpha, 255).view(np.uint8), result), np.uint8)


def _at(field: NDArray[np.float32], indices: NDArray[np.intp]) -> NDArray[np.float32]:
    """Rows (num, C) of (H, W, C) at flat pixel indices; several times faster than a boolean mask."""
    return field.reshape(-1, field.shape[-1])[indices]


def _weighted_blur(weighted: NDArray[np.float32], weight: NDArray[np.float32], diameter: int) -> NDArray[np.float32]:
    """Mean colour around each pixel: (H, W, 3) already times its weight (H, W, 1)."""
    import cv2

    total = cv2.blur(weight, (diameter, diameter))[..., None]
    return np.asarray(cv2.blur(weighted, (diameter, diameter)) / (total + EPSILON), np.float32)


def _closer(
    image: NDArray[np.float32],
    foreground: NDArray[np.float32],
    background: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Colours that satisfy Eq. 1 better: (num, 3), weight (num, 1)."""
    residual = image - weight * foreground - (1 - weight) * background
    return np.clip(foreground + weight * residual, 0, 255)


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

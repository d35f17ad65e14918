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
FINE_REACH = FINE_BLUR // 2  # [px]

# Edges are worked on in strips of so many rows; gaps between them that are wider than so many columns are left out.
STRIP = 64
GAP = 64
WIDEST = 8192  # columns of a box; OpenCV's remap takes less than 32767

Box = tuple[slice, slice]  # rows and columns [px]


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

    behind = background if background.ndim == 3 else np.tile(background, (alpha.shape[1], 1))  # rows copy faster
    laid = np.array(np.broadcast_to(behind, foreground.shape), order="C")
    cv2.copyTo(foreground, _opaque(alpha), laid)
    for box in _boxes(np.minimum(alpha, ~alpha)):  # of partial pixels
        # Sums of bytes are exact in 32-bit floats and never lie between two bytes: the rounding is to the nearest.
        shares = [x.astype(np.float32) for x in (alpha[box], ~alpha[box])]
        laid[box] = cv2.blendLinear(np.ascontiguousarray(foreground[box]), np.ascontiguousarray(laid[box]), *shares)
    return laid


def _blur_fusion(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two passes: a coarse blur of the whole picture, made small, then a fine one at the person's edges only.

    Elsewhere the answer is known: the image where alpha is 255, nothing where no foreground is near.
    """
    import cv2

    foreground = np.asarray(cv2.copyTo(image, _opaque(alpha)), np.uint8)
    reach = np.ones((2 * FINE_REACH + 1, 2 * FINE_REACH + 1), np.uint8)
    # What is not opaque and has foreground as near as the fine blur reaches.
    edges = _boxes(np.minimum(cv2.dilate(alpha, reach), ~alpha))
    if edges:
        coarse = _coarse_colours(image, alpha)
        for edge in edges:
            foreground[edge] = _fine_colours(image, alpha, coarse, edge)
    return foreground


def _opaque(alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A mask for OpenCV: where alpha is 255."""
    return np.equal(alpha, 255).view(np.uint8)


def _boxes(wanted: NDArray[np.uint8]) -> list[Box]:
    """Boxes around all pixels that are not 0, few of the others within."""
    boxes = []
    for top in range(0, wanted.shape[0], STRIP):
        rows = slice(top, min(top + STRIP, wanted.shape[0]))
        columns = np.flatnonzero(wanted[rows].max(axis=0))
        breaks = np.flatnonzero((np.diff(columns) > GAP) | (np.diff(columns // WIDEST) > 0)) + 1
        boxes += [(rows, slice(int(run[0]), int(run[-1]) + 1)) for run in np.split(columns, breaks) if len(run)]
    return boxes


def _coarse_colours(image: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
    """Foreground and background, each (h, w, 3) at a quarter of the size, blurred widely."""
    import cv2

    height, width = alpha.shape
    small = (max(1, width // COARSE_STEP), max(1, height // COARSE_STEP))
    # In 255ths of a byte: sums of products are exact, and integers are quick to make small.
    premultiplied = cv2.multiply(image, cv2.merge([alpha] * 3), dtype=cv2.CV_16U)
    small_premultiplied, small_image, small_alpha = (
        cv2.resize(x, small, interpolation=cv2.INTER_AREA).astype(np.float32)
        for x in (premultiplied, image, alpha * np.uint16(255))
    )
    small_premultiplied /= 255
    weight = cv2.merge([small_alpha / 255**2] * 3)
    diameter = COARSE_BLUR // COARSE_STEP
    return (
        _weighted_blur(small_premultiplied, weight, diameter),
        _weighted_blur(small_image - small_premultiplied, 1 - weight, diameter),
    )


def _fine_colours(
    image: NDArray[np.uint8], alpha: NDArray[np.uint8], coarse: tuple[NDArray[np.float32], ...], edge: Box
) -> NDArray[np.uint8]:
    """The foreground in the box, (h, w, 3)."""
    import cv2

    rows, columns = edge
    top, left = max(rows.start - FINE_REACH, 0), max(columns.start - FINE_REACH, 0)
    patch = slice(top, rows.stop + FINE_REACH), slice(left, columns.stop + FINE_REACH)
    pixels = image[patch].astype(np.float32)
    weight = cv2.merge([alpha[patch].astype(np.float32) / 255] * 3)
    foreground, background = (_enlarged(colours, alpha.shape, patch) for colours in coarse)
    foreground = _weighted_blur(weight * _closer(pixels, foreground, background, weight), weight, FINE_BLUR)
    background = _weighted_blur((1 - weight) * background, 1 - weight, FINE_BLUR)
    found = np.rint(_closer(pixels, foreground, background, weight)).astype(np.uint8)
    return found[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]


def _enlarged(small: NDArray[np.float32], size: tuple[int, ...], patch: Box) -> NDArray[np.float32]:
    """That patch of `small` (h, w, C), resized to `size` (H, W): bilinear, half-pixel centres."""
    import cv2

    positions = []
    for length, full, part in zip(small.shape[:2], size, patch, strict=True):
        centres = np.arange(part.start, min(part.stop, full), dtype=np.float32) + np.float32(0.5)
        positions.append(centres * np.float32(length / full) - np.float32(0.5))
    y, x = np.meshgrid(*positions, indexing="ij")
    return np.asarray(cv2.remap(small, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _weighted_blur(weighted: NDArray[np.float32], weight: NDArray[np.float32], diameter: int) -> NDArray[np.float32]:
    """Mean colour around each pixel: (H, W, 3) already times its weight, and that weight in three channels."""
    import cv2

    total = cv2.blur(weight, (diameter, diameter))
    return np.asarray(cv2.blur(weighted, (diameter, diameter)) / (total + EPSILON), np.float32)


def _closer(
    image: NDArray[np.float32],
    foreground: NDArray[np.float32],
    background: NDArray[np.float32],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Colours that satisfy Eq. 1 better; all (H, W, 3)."""
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

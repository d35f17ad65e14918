"""Colours of the foreground and the background alone, where only their mixture and its alpha are known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.compositing import Quality, estimate_foreground


def foreground_colours(image: NDArray[np.uint8], alpha: NDArray[np.uint8], quality: Quality) -> NDArray[np.uint8]:
    """Estimate the foreground's colours, continued outwards where alpha is 0.

    Args:
        image: (H, W, 3) uint8.
        alpha: (H, W) uint8.
        quality: "exact", pymatting's multi-level solver, or "fast", blur fusion.

    Returns:
        (H, W, 3) uint8; the caller's own.

    Raises:
        BackendUnavailable: "exact" without pymatting.
    """
    colours = estimate_foreground(image, alpha, quality)
    return continue_colours(colours, np.minimum(alpha / np.float32(64), 1))


def continue_colours(image: NDArray[np.uint8], weight: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Continue the colours of the pixels that count over those that don't, smoothly.

    So that resizing, blurring and JPEG never mix a foreign colour into an edge. By a pyramid of weighted means:
    each pixel takes the finest level at which something counts.

    Args:
        image: (H, W, 3) uint8.
        weight: (H, W) in 0..1.

    Returns:
        (H, W, 3) uint8; `image` where the weight is 1.
    """
    return np.clip(_fill(image.astype(np.float32), weight) + 0.5, 0, 255).astype(np.uint8)


def _fill(colours: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = weight.shape
    if min(height, width) <= 2:
        mean = (colours * per_channel(weight)).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return mean + per_channel(weight) * (colours - mean)
    size = ((width + 1) // 2, (height + 1) // 2)
    small_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    weights = per_channel(weight)
    small = cv2.resize(colours * weights, size, interpolation=cv2.INTER_AREA)
    small /= per_channel(np.maximum(small_weight, 1e-6))
    below = cv2.resize(_fill(small, np.minimum(small_weight * 4, 1)), (width, height), interpolation=cv2.INTER_LINEAR)
    filled = colours - below
    filled *= weights
    filled += below
    return filled


def shrink_colours(
    colours: NDArray[np.uint8], alpha: NDArray[np.uint8], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Shrink foreground colours and their alpha by pixel areas, each colour counting as much as it is seen.

    A plain mean would mix what lies under clear pixels (a wall's grey, a keyer's black) into the fringes of hair.

    Args:
        colours: (H, W, 3) uint8, with something sensible also where alpha is 0: see `continue_colours`.
        alpha: (H, W) uint8.
        size: (height, width) wanted, not larger.

    Returns:
        Colours and alpha of that size; the caller's own.
    """
    weight = alpha.astype(np.float32) + 1  # a level more: where all is clear, the plain mean
    seen = cv2.resize(colours * per_channel(weight), size[::-1], interpolation=cv2.INTER_AREA)
    seen /= per_channel(cv2.resize(weight, size[::-1], interpolation=cv2.INTER_AREA))
    small_alpha = cv2.resize(alpha, size[::-1], interpolation=cv2.INTER_AREA)
    return np.clip(seen + 0.5, 0, 255).astype(np.uint8), np.asarray(small_alpha, np.uint8)


def per_channel(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) -> (H, W, 3), copied: numpy is five times slower where it broadcasts over three channels."""
    return np.asarray(cv2.merge((plane, plane, plane)), np.float32)

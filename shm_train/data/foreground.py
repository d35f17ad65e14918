"""Colours of the foreground and the background alone, where only their mixture and its alpha are known."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


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
        mean = (colours * weight[..., None]).sum((0, 1)) / max(float(weight.sum()), 1e-6)
        return weight[..., None] * colours + (1 - weight[..., None]) * mean
    size = ((width + 1) // 2, (height + 1) // 2)
    small_weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(colours * weight[..., None], size, interpolation=cv2.INTER_AREA)
    small /= np.maximum(small_weight, 1e-6)[..., None]
    below = cv2.resize(_fill(small, np.minimum(small_weight * 4, 1)), (width, height), interpolation=cv2.INTER_LINEAR)
    filled: NDArray[np.float32] = weight[..., None] * colours + (1 - weight[..., None]) * below
    return filled

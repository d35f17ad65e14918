"""True trimaps from true alphas."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

# Alphas outside count as transition; 8-bit mattes of teachers flicker by a few levels inside bodies.
TRANSITION = (0.04, 0.96)


def transition(alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """1 where a pixel of (H, W) is neither opaque nor clear, or lies on a hard edge between the two."""
    soft = ((alpha > TRANSITION[0]) & (alpha < TRANSITION[1])).astype(np.uint8)
    edge = cv2.morphologyEx((alpha > 0.5).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return soft | edge


def true_trimap(alpha: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Dilate the transition to the unknown region.

    Source: Chen et al. 2018, section 4.5.

    Args:
        alpha: (H, W) in 0..1.
        radius: of the dilation, in pixels.

    Returns:
        (3, H, W) one-hot, order F, B, U; the caller's own.
    """
    unknown = cv2.dilate(transition(alpha), _disc(radius)) > 0
    foreground = (alpha > 0.5) & ~unknown
    background = ~(unknown | foreground)
    return np.stack([foreground, background, unknown]).astype(np.float32)


def random_trimap(
    alpha: NDArray[np.float32], radii: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Erode foreground and background, each by a radius of its own: what M-Net learns to live with.

    Source: Chen et al. 2018, section 4.5 ("random kernel sizes" of dilation and erosion, "crucial").

    Args:
        alpha: (H, W) in 0..1.
        radii: the smallest and the largest radius, in pixels.
        rng: for the two radii.

    Returns:
        (3, H, W) one-hot, order F, B, U; the caller's own.
    """
    edge = transition(alpha)
    inner, outer = (cv2.dilate(edge, _disc(round(rng.uniform(*radii)))) > 0 for _ in range(2))
    foreground = (alpha > 0.5) & ~inner
    background = (alpha <= 0.5) & ~outer
    return np.stack([foreground, background, ~(foreground | background)]).astype(np.float32)


def _disc(radius: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)

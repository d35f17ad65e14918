"""Has anything moved? Where not, the matte of the frame before will do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID_EDGE = 80  # means along the longer side of a frame that are compared: their own noise is small
OF_NOISE = 8.0  # standard deviations that no mean exceeds in a still scene; coded pictures are noisier at edges
SMALLEST = 2.0  # levels of 255 that are never motion
LOUDEST = 1.5  # levels; noise of means above this is no noise but a change everywhere, of light or of place


class Stillness:
    """Compares each frame with the one that was matted last, not with the one before, so that slow changes add up."""

    def __init__(self) -> None:
        self._matted: NDArray[np.float32] | None = None
        self._size: tuple[int, ...] | None = None  # of that frame: another one may have as many means

    def holds(self, frame: NDArray[np.uint8]) -> bool:
        """Whether a frame (H, W, 3) shows what the one that was matted last shows, but for noise.

        Where it does not, the frame is taken for the one that is matted now.
        """
        means = _means(frame)
        before = self._matted
        if before is not None and self._size == frame.shape and _same(means, before):
            return True
        self._matted, self._size = means, frame.shape
        return False


def _same(means: NDArray[np.float32], before: NDArray[np.float32]) -> bool:
    difference = np.abs(means - before)
    noise = 1.4826 * float(np.median(difference))  # of a normal distribution
    return noise <= LOUDEST and float(difference.max()) <= max(SMALLEST, OF_NOISE * noise)


def _means(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    import cv2

    height, width = frame.shape[:2]
    scale = min(1.0, GRID_EDGE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # First to bytes at four times the size, which is fast, then to floats, which noise would be lost without.
    coarse = (min(width, 4 * size[0]), min(height, 4 * size[1]))
    bytes_ = cv2.resize(frame, coarse, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(bytes_.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)

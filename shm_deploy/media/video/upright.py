"""Frames the right way up: a camera that was held sideways stores them as they came, and by how much to turn them."""

from __future__ import annotations

import av
import numpy as np
from numpy.typing import NDArray

from shm_deploy.media.video.colours import rgb_of


def rotation_of(frame: av.VideoFrame) -> int:
    """By how much a stored frame is turned to be upright: 0, 90, 180 or 270 degrees counter-clockwise."""
    return round(frame.rotation / 90) * 90 % 360


def is_sideways(rotation: int) -> bool:
    """Whether a turn by so many degrees swaps width and height."""
    return rotation % 180 == 90


def upright_size(frame: av.VideoFrame, rotation: int) -> tuple[int, int]:
    """(height, width) [px] of a stored frame once it is turned."""
    return (frame.width, frame.height) if is_sideways(rotation) else (frame.height, frame.width)


def upright_rgb(frame: av.VideoFrame, rotation: int) -> NDArray[np.uint8]:
    """A stored frame, turned: (H, W, 3) uint8 RGB, full range, contiguous."""
    return np.ascontiguousarray(np.rot90(rgb_of(frame), rotation // 90))

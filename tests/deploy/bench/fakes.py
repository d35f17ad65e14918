"""A backend of closed form for benchmarks, through the Backend seam."""

import numpy as np

from shm_deploy.backends.protocol import Mattes


class RedBackend:
    """Alpha is the red channel plus `offset`; everything is foreground, but for `num_broken` pixels of no class."""

    name = "red"
    device = "cpu"

    def __init__(self, offset: int = 0, num_broken: int = 0) -> None:
        self.offset = offset
        self.num_broken = num_broken
        self.shapes: list[tuple[int, ...]] = []

    def run(self, frames: np.ndarray) -> Mattes:
        self.shapes.append(frames.shape)
        alpha = np.clip(frames[..., 0].astype(int) + self.offset, 0, 255).astype(np.uint8)
        trimap = np.zeros_like(frames)
        trimap[..., 0] = 255
        trimap[0, 0, : self.num_broken] = 0
        return Mattes(alpha, trimap)

    def close(self) -> None:
        pass

"""From a caller's frames to the network's size and back: the 1500 px rule, and padding of tiny images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm_deploy import geometry
from shm_deploy.geometry import Pixel


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Sizes are (height, width) in pixels."""

    original: tuple[int, int]
    working: tuple[int, int]

    @classmethod
    def of(cls, frames: NDArray[np.uint8], max_edge: int | None) -> Fit:
        """For frames (N, H, W, 3).

        Raises:
            SpecError: a side is too small, see `geometry.working_size`.
        """
        original = (frames.shape[1], frames.shape[2])
        return cls(original=original, working=geometry.working_size(original, max_edge))

    def forward(self, frames: NDArray[Pixel]) -> NDArray[Pixel]:
        """(N, H, W, 3) at the caller's size -> (N, h, w, 3) for the network; the same array where sizes agree."""
        if self.working != self.original:
            frames = np.stack([geometry.shrink(frame, self.working) for frame in frames])
        return geometry.pad_to_graph(frames)

    def back(self, planes: NDArray[Pixel]) -> NDArray[Pixel]:
        """(N, h, w) or (N, h, w, C) from the network -> (N, H, W[, C]); shares memory where sizes agree."""
        cropped = self.crop(planes)
        if self.working == self.original:
            return cropped
        return np.stack([geometry.enlarge(plane, self.original) for plane in cropped])

    def crop(self, planes: NDArray[Pixel]) -> NDArray[Pixel]:
        """Cut off what `forward` padded; still at the working size."""
        return planes[:, : self.working[0], : self.working[1]]

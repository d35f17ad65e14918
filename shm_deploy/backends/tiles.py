"""`live` on a CPU: T-Net on the whole frame, M-Net only on the tiles that hold unknown pixels.

Where U_s is negligible, Eq. 4 is alpha = F_s, and what M-Net would say does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy import geometry, spec
from shm_deploy.backends.protocol import Describes, Facts, Mattes, Parts

CORE = 128  # side of what a tile decides [px]
HALO = 32  # what M-Net sees around that [px]
NEGLIGIBLE = 0.02  # U_s below this in all of a core: M-Net is not asked
DENSE_SHARE = 0.8  # of the frame, covered by tiles and their halos: one run on the whole frame is cheaper


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Where M-Net looks (a patch) and which core of that is kept; (row, column) in the padded frame [px]."""

    patch: tuple[int, int]
    core: tuple[int, int]


class TiledBackend:
    """The joined graph's work by parts, on one CPU."""

    name = "tiles"
    device = "cpu"

    def __init__(self, parts: Parts, tnet_edge: int) -> None:
        """Args: parts: of a `live` model, closed with this. tnet_edge: longest side of its T-Net's input [px]."""
        self._parts = parts
        self._tnet_edge = tnet_edge

    def run(self, frames: NDArray[np.uint8]) -> Mattes:  # as in Backend
        mattes = [self._matte(frame) for frame in frames]
        return Mattes(np.stack([matte.alpha for matte in mattes]), np.stack([matte.trimap for matte in mattes]))

    def tnet(self, image: NDArray[np.float32]) -> NDArray[np.float32]:  # as in Parts
        return self._parts.tnet(image)

    def mnet(self, image: NDArray[np.float32], trimap: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._parts.mnet(image, trimap)

    def fusion(self, trimap: NDArray[np.float32], alpha_raw: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._parts.fusion(trimap, alpha_raw)

    def facts(self) -> Facts:
        return self._parts.facts() if isinstance(self._parts, Describes) else Facts()

    def close(self) -> None:
        self._parts.close()

    def _matte(self, frame: NDArray[np.uint8]) -> Mattes:
        size = frame.shape[:2]
        trimap = self._parts.tnet(_planes(self._reduced(frame)))[0]  # (3, h, w)
        foreground = geometry.enlarge(trimap[spec.FOREGROUND], size)
        unknown = geometry.enlarge(trimap[spec.UNKNOWN], size)
        alpha = self._fused(frame, trimap, foreground, unknown)
        in_bytes = cv2.convertScaleAbs(np.moveaxis(trimap, 0, -1), alpha=255)
        return Mattes(
            np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8), geometry.enlarge(np.asarray(in_bytes), size)
        )

    def _reduced(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """A large frame at twice T-Net's input size: T-Net's own first step, without a float copy in planes.

        In floats: rounded to bytes here, the matte would move by 7 to 19 levels in a thousandth of its pixels.
        """
        if max(frame.shape[:2]) <= 2 * self._tnet_edge:
            return frame
        height, width = geometry.budget_size((frame.shape[0], frame.shape[1]), self._tnet_edge)
        size = (2 * width, 2 * height)
        return np.asarray(cv2.resize(frame.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)

    def _fused(
        self,
        frame: NDArray[np.uint8],
        trimap: NDArray[np.float32],
        foreground: NDArray[np.float32],
        unknown: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Eq. 4, with raw alpha where it matters. The planes are (H, W); `foreground` is written to."""
        height, width = unknown.shape
        padded = _pad(frame, spec.STRIDE)
        rows, columns = min(CORE + 2 * HALO, padded.shape[0]), min(CORE + 2 * HALO, padded.shape[1])
        tiles = _tiles(unknown, (padded.shape[0] - rows, padded.shape[1] - columns))
        if not tiles:
            return foreground
        if len(tiles) * rows * columns >= DENSE_SHARE * height * width:
            return foreground + unknown * self._parts.mnet(_planes(frame), trimap[None])[0, 0]
        # M-Net takes its trimap at half the size of its image: a patch of this one is what it would make itself.
        halves = geometry.enlarge(np.moveaxis(trimap, 0, -1), ((height + 1) // 2, (width + 1) // 2))
        halves = _pad(halves, spec.STRIDE // 2)
        images = [padded[y : y + rows, x : x + columns] for y, x in (tile.patch for tile in tiles)]
        trimaps = [
            halves[y // 2 : (y + rows) // 2, x // 2 : (x + columns) // 2] for y, x in (tile.patch for tile in tiles)
        ]
        raw = self._parts.mnet(_planes(*images), _planes(*trimaps))[:, 0]
        for tile, patch in zip(tiles, raw, strict=True):
            (y, x), (top, left) = tile.core, tile.patch
            bottom, right = min(y + CORE, height), min(x + CORE, width)
            foreground[y:bottom, x:right] += (
                unknown[y:bottom, x:right] * patch[y - top : bottom - top, x - left : right - left]
            )
        return foreground


def _tiles(unknown: NDArray[np.float32], last: tuple[int, int]) -> list[Tile]:
    """The tiles of a frame whose cores hold unknown pixels; `last` is the largest (row, column) of a patch."""
    height, width = unknown.shape
    return [
        Tile(patch=(min(max(y - HALO, 0), last[0]), min(max(x - HALO, 0), last[1])), core=(y, x))
        for y in range(0, height, CORE)
        for x in range(0, width, CORE)
        if unknown[y : y + CORE, x : x + CORE].max() >= NEGLIGIBLE
    ]


def _pad(x: NDArray[geometry.Pixel], multiple: int) -> NDArray[geometry.Pixel]:
    """Replicate the right and bottom edge of (H, W, C) until both sides are multiples, as the networks do."""
    bottom, right = -x.shape[0] % multiple, -x.shape[1] % multiple
    if (bottom, right) == (0, 0):
        return x
    return np.asarray(cv2.copyMakeBorder(x, 0, bottom, 0, right, cv2.BORDER_REPLICATE), x.dtype)


def _planes(*images: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Images (H, W, 3) of one size -> (N, 3, H, W) float32, contiguous."""
    return np.stack([np.moveaxis(image, -1, 0) for image in images], dtype=np.float32)

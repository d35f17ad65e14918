"""`live` on a CPU: T-Net on the whole frame, M-Net only on the tiles that hold unknown pixels.

Where U_s is small, M-Net is taken to agree with T-Net, and Eq. 4 gives alpha = F_s / (F_s + B_s). On photographs of
large people at 720p the mean difference from one run on the whole frame is at most 6.3e-6, at three quarters of its CPU
time (benchmarks/results/tiles.json).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy import geometry, spec
from shm_deploy.backends.protocol import Describes, Facts, Mattes, Parts

ROWS = 192  # height of what a tile decides [px]
COLUMNS = 32  # its width is a multiple of this [px]
HALO = 48  # what M-Net sees around that [px]
NEGLIGIBLE = 0.1  # U_s below this: M-Net is not asked
DENSE_SHARE = 0.9  # of the frame, covered by tiles and their halos: one run on the whole frame is cheaper
TRIMAP_SHARE = 4  # M-Net takes its trimap at a quarter of the sides of its image

Box = tuple[slice, slice]  # rows and columns of the padded frame [px]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """What M-Net sees, and which core of that is kept."""

    patch: Box
    core: Box


class TiledBackend:
    """The joined graph's work by parts, on one CPU."""

    device = "cpu"

    def __init__(
        self, parts: Parts, narrow: Parts, tnet_edge: int, threads: int, nearness: spec.Tolerance | None = None
    ) -> None:
        """Take over the parts of a `live` model; they are closed with this.

        Args:
            parts: on all threads.
            narrow: the same on one thread, for tiles: many at once are faster than many threads in turn on each.
            tnet_edge: longest side of its T-Net's input [px].
            threads: that run tiles.
            nearness: of the mattes to float32 ones, where T-Net is in 8 bit; it is the backend "int8" then.
        """
        self.name = "tiles" if nearness is None else "int8"
        self._nearness = nearness
        self._parts = parts
        self._narrow = narrow
        self._tnet_edge = tnet_edge
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tiles")

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
        facts = self._parts.facts() if isinstance(self._parts, Describes) else Facts()
        return replace(facts, nearness=self._nearness)

    def close(self) -> None:
        self._pool.shutdown()
        self._narrow.close()
        self._parts.close()

    def _matte(self, frame: NDArray[np.uint8]) -> Mattes:
        size = (frame.shape[0], frame.shape[1])
        trimap = self._parts.tnet(_planes(self._reduced(frame)))[0]  # (3, h, w)
        alpha = self._fused(frame, trimap)
        in_bytes = np.asarray(cv2.convertScaleAbs(np.moveaxis(trimap, 0, -1), alpha=255))
        return Mattes(np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8), geometry.enlarge(in_bytes, size))

    def _reduced(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8] | NDArray[np.float32]:
        """A large frame at twice T-Net's input size: T-Net's own first step, without a float copy in planes.

        In floats: rounded to bytes here, the matte would move by 7 to 19 levels in a thousandth of its pixels.
        """
        if max(frame.shape[:2]) <= 2 * self._tnet_edge:
            return frame
        height, width = geometry.budget_size((frame.shape[0], frame.shape[1]), self._tnet_edge)
        size = (2 * width, 2 * height)
        return np.asarray(cv2.resize(frame.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)

    def _fused(self, frame: NDArray[np.uint8], trimap: NDArray[np.float32]) -> NDArray[np.float32]:
        """Eq. 4, with raw alpha where it matters: (H, W)."""
        size = height, width = frame.shape[0], frame.shape[1]
        unknown = geometry.enlarge(trimap[spec.UNKNOWN], size)
        padded = _pad(frame, spec.STRIDE)
        tiles = find_tiles(unknown, (padded.shape[0], padded.shape[1]))
        foreground = geometry.enlarge(trimap[spec.FOREGROUND], size)
        if sum(_area(tile.patch) for tile in tiles) >= DENSE_SHARE * height * width:
            return foreground + unknown * self._parts.mnet(_planes(frame), trimap[None])[0, 0]
        alpha = geometry.enlarge(_known_alpha(trimap), size)
        # M-Net takes its trimap at this size: a patch of it is what it would make itself.
        small = ((height + TRIMAP_SHARE - 1) // TRIMAP_SHARE, (width + TRIMAP_SHARE - 1) // TRIMAP_SHARE)
        small_trimap = _pad(geometry.enlarge(np.moveaxis(trimap, 0, -1), small), spec.STRIDE // TRIMAP_SHARE)

        def decide(tile: Tile) -> None:
            image, seen = _planes(padded[tile.patch]), _planes(small_trimap[_divided(tile.patch, TRIMAP_SHARE)])
            raw = self._narrow.mnet(image, seen)[0, 0, *_within(tile)]
            alpha[tile.core] = foreground[tile.core] + unknown[tile.core] * raw

        list(self._pool.map(decide, sorted(tiles, key=lambda tile: -_area(tile.patch))))  # the last ones end together
        return alpha


def find_tiles(unknown: NDArray[np.float32], padded: tuple[int, int]) -> list[Tile]:
    """Cover the unknown pixels of a frame with as few pixels as tiles of one height allow.

    Args:
        unknown: (H, W), U_s in 0..1.
        padded: (height, width) of the frame with its padding, which halos may reach into.
    """
    height, width = unknown.shape
    tiles = []
    for top in range(0, height, ROWS):
        bottom = min(top + ROWS, height)
        needed = np.flatnonzero(unknown[top:bottom].max(axis=0) >= NEGLIGIBLE)
        for left, right in _runs(np.unique(needed // COLUMNS)):
            tiles.append(
                Tile(
                    patch=(
                        slice(max(top - HALO, 0), min(top + ROWS + HALO, padded[0])),
                        slice(max(left - HALO, 0), min(right + HALO, padded[1])),
                    ),
                    core=(slice(top, bottom), slice(left, min(right, width))),
                )
            )
    return tiles


def _runs(cells: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Left and right [px] of runs of cells; halos that would meet make one run of two."""
    if not cells.size:
        return []
    breaks = np.flatnonzero((np.diff(cells) - 1) * COLUMNS > 2 * HALO) + 1
    return [(int(run[0]) * COLUMNS, (int(run[-1]) + 1) * COLUMNS) for run in np.split(cells, breaks)]


def _known_alpha(trimap: NDArray[np.float32]) -> NDArray[np.float32]:
    """F_s / (F_s + B_s) of (3, h, w)."""
    foreground, background = trimap[spec.FOREGROUND], trimap[spec.BACKGROUND]
    return foreground / np.maximum(foreground + background, np.float32(1e-6))


def _area(box: Box) -> int:
    return (box[0].stop - box[0].start) * (box[1].stop - box[1].start)


def _divided(box: Box, divisor: int) -> Box:
    rows, columns = (slice(side.start // divisor, side.stop // divisor) for side in box)
    return rows, columns


def _within(tile: Tile) -> Box:
    """The core, as seen from the patch's corner."""
    rows, columns = (
        slice(core.start - patch.start, core.stop - patch.start)
        for core, patch in zip(tile.core, tile.patch, strict=True)
    )
    return rows, columns


def _pad(x: NDArray[geometry.Pixel], multiple: int) -> NDArray[geometry.Pixel]:
    """Replicate the right and bottom edge of (H, W, C) until both sides are multiples, as the networks do."""
    bottom, right = -x.shape[0] % multiple, -x.shape[1] % multiple
    if (bottom, right) == (0, 0):
        return x
    return np.asarray(cv2.copyMakeBorder(x, 0, bottom, 0, right, cv2.BORDER_REPLICATE), x.dtype)


def _planes(image: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) -> (1, 3, H, W) float32, contiguous."""
    return np.ascontiguousarray(np.moveaxis(image, -1, 0), np.float32)[None]

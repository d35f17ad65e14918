"""`live` on a CPU: both networks on their own budgets of pixels, the frame's own pixels only where they matter.

Where U_s is small, M-Net is taken to agree with T-Net, and Eq. 4 gives alpha = F_s / (F_s + B_s), which is enlarged as
it is. Elsewhere, tile by tile, raw alpha is drawn from M-Net's coefficients, and fused.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy import geometry, spec
from shm_deploy.backends.protocol import Describes, Facts, Features, LiveParts, Mattes, Segmented

ROWS, COLUMNS = 96, 64  # of a tile [px]; OpenBLAS computes products of larger ones on threads of its own
NEGLIGIBLE = 0.1  # U_s below this: M-Net is not asked


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Longest sides at which the networks look at a frame [px]."""

    tnet: int
    mnet: int


class Tile(NamedTuple):
    """A part of a frame [px]."""

    top: int
    bottom: int
    left: int
    right: int


class TiledBackend:
    """The joined graph's work by parts, on one CPU."""

    device = "cpu"

    def __init__(self, parts: LiveParts, edges: Edges, threads: int, nearness: spec.Tolerance | None = None) -> None:
        """Take over the parts of a `live` model; they are closed with this.

        Args:
            parts: on all threads.
            edges: of its networks.
            threads: that draw tiles.
            nearness: of the mattes to float32 ones, where T-Net is in 8 bit; it is the backend "int8" then.
        """
        self.name = "tiles" if nearness is None else "int8"
        self._nearness = nearness
        self._parts = parts
        self._edges = edges
        self._threads = threads
        self._scratch = _Scratch()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tiles")

    def run(self, frames: NDArray[np.uint8]) -> Mattes:  # as in Backend
        mattes = [self._matte(frame) for frame in frames]
        if len(mattes) == 1:
            return Mattes(mattes[0].alpha[None], mattes[0].trimap[None])
        return Mattes(np.stack([matte.alpha for matte in mattes]), np.stack([matte.trimap for matte in mattes]))

    def tnet(self, image: NDArray[np.float32]) -> Segmented:  # as in Parts
        return self._parts.tnet(image)

    def mnet(
        self, image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features | None = None
    ) -> NDArray[np.float32]:
        return self._parts.mnet(image, trimap, features)

    def fusion(self, trimap: NDArray[np.float32], alpha_raw: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._parts.fusion(trimap, alpha_raw)

    def facts(self) -> Facts:
        facts = self._parts.facts() if isinstance(self._parts, Describes) else Facts()
        return replace(facts, nearness=self._nearness)

    def close(self) -> None:
        self._pool.shutdown()
        self._parts.close()

    def _matte(self, frame: NDArray[np.uint8]) -> Mattes:
        size = (frame.shape[0], frame.shape[1])
        seen_by_tnet, seen_by_mnet = self._seen(frame)
        segmented = self._parts.tnet(seen_by_tnet)
        trimap = segmented.trimap[0]  # (3, h, w)
        whole_trimap = self._pool.submit(geometry.enlarge, _in_bytes(np.moveaxis(trimap, 0, -1)), size)
        alpha = geometry.enlarge(_in_bytes(_known_alpha(trimap)), size)
        tiles = find_tiles(trimap[spec.UNKNOWN], size)
        if tiles:
            coefficients = self._parts.coefficients(seen_by_mnet, segmented.trimap, segmented.features)[0]
            shares = [tiles[first :: self._threads] for first in range(self._threads)]
            list(self._pool.map(partial(_draw, frame, alpha, coefficients, trimap), shares))
        return Mattes(alpha, whole_trimap.result())

    def _seen(self, frame: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What T-Net and M-Net see, (1, 3, h, w): the frame, or, if it is large, what their graphs make of it first.

        Good until this thread's next frame.

        In floats: rounded to bytes here, the matte would move by 7 to 19 levels in a thousandth of its pixels.
        """
        size = (frame.shape[0], frame.shape[1])
        height, width = geometry.budget_size(size, self._edges.tnet)
        twice = (2 * height, 2 * width)  # T-Net's graph takes 2x2 means of that
        for_tnet = size if max(size) <= 2 * self._edges.tnet else twice
        for_mnet = geometry.capped_size(size, self._edges.mnet)
        seen = self._scratch.array("tnet", (1, 3, *for_tnet)), self._scratch.array("mnet", (1, 3, *for_mnet))
        channel_of_frame = self._scratch.array("channel", size)
        for channel in range(3):
            np.copyto(channel_of_frame, cv2.extractChannel(frame, channel))
            for planes in seen:
                plane = planes[0, channel]
                cv2.resize(channel_of_frame, plane.shape[::-1], dst=plane, interpolation=cv2.INTER_LINEAR)
        return seen


class _Scratch(threading.local):
    """Arrays of the last sizes, for each thread that calls: new ones would cost several times what they are for."""

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[np.float32]] = {}

    def array(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """float32, of any content."""
        if name not in self._arrays or self._arrays[name].shape != shape:
            self._arrays[name] = np.empty(shape, np.float32)
        return self._arrays[name]


def find_tiles(unknown: NDArray[np.float32], size: tuple[int, int]) -> list[Tile]:
    """The tiles of a frame in which U_s may reach `NEGLIGIBLE` once it is enlarged.

    Args:
        unknown: (h, w), U_s in 0..1, at T-Net's size.
        size: (height, width) of the frame [px].
    """
    rows, columns = (
        [(start, min(start + side, length)) for start in range(0, length, side)]
        for length, side in zip(size, (ROWS, COLUMNS), strict=True)
    )
    sources = [
        [_interpolation(*ends, size[axis], unknown.shape[axis]).sources for ends in sides]
        for axis, sides in enumerate((rows, columns))
    ]
    by_rows = np.stack([unknown[there].max(axis=0) for there in sources[0]])
    largest = np.stack([by_rows[:, there].max(axis=1) for there in sources[1]], axis=1)
    return [Tile(*rows[row], *columns[column]) for row, column in np.argwhere(largest >= NEGLIGIBLE).tolist()]


def enlarged_part(planes: NDArray[np.float32], size: tuple[int, int], tile: Tile) -> NDArray[np.float32]:
    """A tile of `planes` (K, h, w) enlarged to `size` (height, width): (K, rows, columns), as `geometry.enlarge`."""
    down = _interpolation(tile.top, tile.bottom, size[0], planes.shape[1])
    across = _interpolation(tile.left, tile.right, size[1], planes.shape[2])
    return np.asarray(down.weights @ planes[:, down.sources, across.sources] @ across.weights.T, np.float32)


class Interpolation(NamedTuple):
    """How the places of a side are made of their sources, bilinearly, with half-pixel centres."""

    weights: NDArray[np.float32]  # (places, sources)
    sources: slice


@lru_cache(maxsize=1024)  # the sides of a dozen frame sizes: made anew, they take longer than what they are for
def _interpolation(start: int, stop: int, length: int, num_sources: int) -> Interpolation:
    """Of the places from `start` to `stop`, of `length` in all, which `num_sources` are enlarged to."""
    centres = np.clip((np.arange(start, stop) + 0.5) * (num_sources / length) - 0.5, 0, num_sources - 1)
    sources = np.arange(int(centres[0]), min(int(centres[-1]) + 2, num_sources))
    weights = np.maximum(1 - np.abs(centres[:, None] - sources), 0).astype(np.float32)
    return Interpolation(weights, slice(int(sources[0]), int(sources[-1]) + 1))


def _draw(
    frame: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    coefficients: NDArray[np.float32],
    trimap: NDArray[np.float32],
    tiles: Iterable[Tile],
) -> None:
    """Eq. 4, with raw alpha read from M-Net's coefficients, written into alpha's tiles."""
    size = (frame.shape[0], frame.shape[1])
    fusing = trimap[[spec.FOREGROUND, spec.UNKNOWN]]
    for tile in tiles:
        rows, columns = slice(tile.top, tile.bottom), slice(tile.left, tile.right)
        read = enlarged_part(coefficients, size, tile)
        colours = np.moveaxis(frame[rows, columns], -1, 0)
        raw = np.clip((read[:3] * colours).sum(axis=0) + read[3], 0, 1)
        foreground, unknown = enlarged_part(fusing, size, tile)
        alpha[rows, columns] = _in_bytes(foreground + unknown * raw)


def _known_alpha(trimap: NDArray[np.float32]) -> NDArray[np.float32]:
    """F_s / (F_s + B_s) of (3, h, w)."""
    foreground, background = trimap[spec.FOREGROUND], trimap[spec.BACKGROUND]
    return foreground / np.maximum(foreground + background, np.float32(1e-6))


def _in_bytes(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(x, alpha=255), np.uint8)

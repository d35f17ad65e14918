"""`live` on a CPU: both networks on their own budgets of pixels, the frame's own pixels only where they matter.

Where U_s is small, M-Net is taken to agree with T-Net, and Eq. 4 gives alpha = F_s / (F_s + B_s), which is enlarged as
it is. Elsewhere, tile by tile, raw alpha is drawn from M-Net's coefficients, and fused.
"""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from shm_deploy import geometry, spec
from shm_deploy.backends.protocol import Describes, Facts, Features, LiveParts, Mattes, Segmented

Scalar = TypeVar("Scalar", np.uint8, np.float32)

ROWS, COLUMNS = 96, 64  # of a tile [px]; OpenBLAS computes products of larger ones on threads of its own
MOST_AT_ONCE = 64  # tiles that a thread draws: between calls on fewer it waits for the interpreter too often
MOST_HELD = 32  # times what is asked for: one huge frame must not hold its memory for ever
NEGLIGIBLE = 0.1  # U_s below this: M-Net is not asked


@dataclass(frozen=True, kw_only=True)
class Edges:
    """Longest sides at which the networks look at a frame [px]."""

    tnet: int
    mnet: int


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
        self._scratch = Scratch()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="tiles")

    def run(self, frames: NDArray[np.uint8]) -> Mattes:  # as in Backend
        mattes = [self._matte(frame) for frame in frames]
        return Mattes(_stacked([matte.alpha for matte in mattes]), lambda: _stacked([each.trimap for each in mattes]))

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
        alpha = geometry.enlarge(_in_bytes(_known_alpha(trimap)), size)
        tiles = find_tiles(trimap[spec.UNKNOWN], size)
        if len(tiles):
            coefficients = self._parts.coefficients(seen_by_mnet, segmented.trimap, segmented.features)[0]
            self._draw(frame, alpha, coefficients, trimap[[spec.FOREGROUND, spec.UNKNOWN]], tiles)
        return Mattes(alpha, lambda: geometry.enlarge(_in_bytes(np.moveaxis(trimap, 0, -1)), size))

    def _draw(
        self,
        frame: NDArray[np.uint8],
        alpha: NDArray[np.uint8],
        coefficients: NDArray[np.float32],
        fusing: NDArray[np.float32],
        tiles: NDArray[np.intp],
    ) -> None:
        """Eq. 4 of F_s, U_s (2, h, w), raw alpha read from M-Net's coefficients (4, h', w'), into alpha's tiles."""
        grid = Grid.of((frame.shape[0], frame.shape[1]))
        drawn = self._scratch.array("drawn", (len(tiles), *grid.tile), np.uint8)
        num_shares = self._threads * math.ceil(len(tiles) / (self._threads * MOST_AT_ONCE))
        shares = np.array_split(np.arange(len(tiles)), min(num_shares, len(tiles)))

        def draw(share: NDArray[np.intp]) -> None:
            of_share = slice(share[0], share[-1] + 1)
            _draw_tiles(grid, frame, coefficients, fusing, tiles[of_share], drawn[of_share], self._scratch)

        list(self._pool.map(draw, shares))
        grid.write(drawn, alpha, tiles)

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
        seen = (
            self._scratch.array("tnet", (1, 3, *for_tnet), np.float32),
            self._scratch.array("mnet", (1, 3, *for_mnet), np.float32),
        )
        channel_of_frame = self._scratch.array("channel", size, np.float32)
        for channel in range(3):
            np.copyto(channel_of_frame, cv2.extractChannel(frame, channel))
            for planes in seen:
                plane = planes[0, channel]
                cv2.resize(channel_of_frame, plane.shape[::-1], dst=plane, interpolation=cv2.INTER_LINEAR)
        return seen


class Scratch(threading.local):
    """Arrays by name, for each thread by itself: new ones would cost several times what they are for.

    Of large ones each page is a fault, in which threads wait for each other: two drew no faster than one.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: type[Scalar]) -> NDArray[Scalar]:
        """Of any content, good until the next one of that name; one name is always of one dtype."""
        size = math.prod(shape)
        held = self._arrays.get(name)
        if held is None or not size <= held.size <= MOST_HELD * size:
            self._arrays[name] = held = np.empty(size, dtype)
        return held[:size].reshape(shape)


def find_tiles(unknown: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.intp]:
    """The tiles of a frame in which U_s may reach `NEGLIGIBLE` once it is enlarged.

    Args:
        unknown: (h, w), U_s in 0..1, at T-Net's size.
        size: (height, width) of the frame [px].

    Returns:
        (n, 2), the row and the column of each in the frame's grid of tiles.
    """
    down, across = _sides(size, (unknown.shape[0], unknown.shape[1]))
    sources = sliding_window_view(unknown, (down.num_sources, across.num_sources))
    return np.argwhere(sources[np.ix_(down.sources, across.sources)].max(axis=(2, 3)) >= NEGLIGIBLE)


def enlarged_tiles(
    planes: NDArray[np.float32], size: tuple[int, int], tiles: NDArray[np.intp], scratch: Scratch, name: str
) -> NDArray[np.float32]:
    """Tiles (n, 2) of `planes` (K, h, w) enlarged to `size`, as `geometry.enlarge`: (n, K, rows, columns).

    The scratch's, by this name.
    """
    down, across = _sides(size, (planes.shape[1], planes.shape[2]))
    rows, columns = tiles.T
    windows = sliding_window_view(planes, (down.num_sources, across.num_sources), axis=(1, 2))
    there = np.moveaxis(windows[:, down.sources[rows], across.sources[columns]], 0, 1)  # (n, K, sources, sources)
    by_tile = (len(tiles), len(planes))
    tall = scratch.array("tall", (*by_tile, down.length, across.num_sources), np.float32)
    np.matmul(down.weights[rows, None], there, out=tall)
    enlarged = scratch.array(name, (*by_tile, down.length, across.length), np.float32)
    return np.matmul(tall, across.weights[columns, None].swapaxes(-1, -2), out=enlarged)


class Side(NamedTuple):
    """How the places along one side of a frame's tiles are made of sources, bilinearly, with half-pixel centres."""

    sources: NDArray[np.intp]  # (tiles,), the first one of each
    weights: NDArray[np.float32]  # (tiles, length, sources of a tile), zero where another tile needs more of them

    @property
    def length(self) -> int:
        """Of a tile [px]."""
        return self.weights.shape[1]

    @property
    def num_sources(self) -> int:
        """Of a tile."""
        return self.weights.shape[2]


class Grid(NamedTuple):
    """The tiles of a frame: all have one size, so that the last ones of a row and a column may overlap those before."""

    tops: NDArray[np.intp]  # (rows of tiles,) [px]
    lefts: NDArray[np.intp]  # (columns of tiles,) [px]
    tile: tuple[int, int]  # (height, width) [px], the frame's own where that is smaller

    @classmethod
    def of(cls, size: tuple[int, int]) -> Grid:
        """Of a frame of (height, width)."""
        tile = (min(ROWS, size[0]), min(COLUMNS, size[1]))
        tops, lefts = (
            np.minimum(np.arange(0, total, length), total - length) for total, length in zip(size, tile, strict=True)
        )
        return cls(tops, lefts, tile)

    def copy(self, plane: NDArray[np.uint8], tiles: NDArray[np.intp], copies: NDArray[np.uint8]) -> None:
        """These tiles (n, 2) of a plane (H, W, ...), into (n, ..., rows, columns)."""
        views = self._views(plane)
        for tile, corner in zip(copies, zip(self.tops[tiles[:, 0]], self.lefts[tiles[:, 1]], strict=True), strict=True):
            np.copyto(tile, views[corner])

    def write(self, pixels: NDArray[np.uint8], plane: NDArray[np.uint8], tiles: NDArray[np.intp]) -> None:
        """These tiles, (n, rows, columns), into the plane (H, W) that they are of."""
        self._views(plane)[self.tops[tiles[:, 0]], self.lefts[tiles[:, 1]]] = pixels

    def _views(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W, ...) -> (H', W', ..., rows, columns): what a tile would be whose corner is there."""
        return sliding_window_view(plane, self.tile, axis=(0, 1), writeable=True)


@lru_cache(maxsize=64)  # made anew, they take longer than what they are for
def _sides(size: tuple[int, int], num_sources: tuple[int, int]) -> tuple[Side, Side]:
    """Of the tiles of a frame of `size` (height, width), made of planes of (h, w) sources: downwards, and across."""
    grid = Grid.of(size)
    down, across = (
        _side(starts, length, total, num)
        for starts, length, total, num in zip((grid.tops, grid.lefts), grid.tile, size, num_sources, strict=True)
    )
    return down, across


def _side(starts: NDArray[np.intp], length: int, total: int, num_sources: int) -> Side:
    """Of tiles that start there, `length` px each, on a side of `total` px made of `num_sources`."""
    places = starts[:, None] + np.arange(length)
    centres = np.clip((places + 0.5) * (num_sources / total) - 0.5, 0, num_sources - 1)  # (tiles, length)
    first = centres[:, 0].astype(np.intp)
    most = min(int((centres[:, -1].astype(np.intp) - first).max()) + 2, num_sources)
    first = np.minimum(first, num_sources - most)
    distances = np.abs(centres[:, :, None] - (first[:, None, None] + np.arange(most)))
    return Side(first, np.maximum(1 - distances, 0).astype(np.float32))


def _draw_tiles(
    grid: Grid,
    frame: NDArray[np.uint8],
    coefficients: NDArray[np.float32],
    fusing: NDArray[np.float32],
    tiles: NDArray[np.intp],
    drawn: NDArray[np.uint8],
    scratch: Scratch,
) -> None:
    """Alpha of tiles (n, 2) into (n, rows, columns); see `TiledBackend._draw`."""
    size = (frame.shape[0], frame.shape[1])
    read = enlarged_tiles(coefficients, size, tiles, scratch, "read")  # (n, 4, rows, columns)
    colours = scratch.array("colours", (len(tiles), 3, *grid.tile), np.uint8)
    grid.copy(frame, tiles, colours)
    read[:, :3] *= colours
    raw = np.add.reduce(read, axis=1, out=scratch.array("raw", drawn.shape, np.float32))
    np.clip(raw, 0, 1, out=raw)
    foreground, unknown = np.moveaxis(enlarged_tiles(fusing, size, tiles, scratch, "fusing"), 1, 0)
    raw *= unknown
    raw += foreground
    cv2.convertScaleAbs(raw.reshape(-1, drawn.shape[-1]), dst=drawn.reshape(-1, drawn.shape[-1]), alpha=255)


def _stacked(planes: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """As a batch; of a single one without a copy."""
    return planes[0][None] if len(planes) == 1 else np.stack(planes)


def _known_alpha(trimap: NDArray[np.float32]) -> NDArray[np.float32]:
    """F_s / (F_s + B_s) of (3, h, w)."""
    foreground, background = trimap[spec.FOREGROUND], trimap[spec.BACKGROUND]
    return foreground / np.maximum(foreground + background, np.float32(1e-6))


def _in_bytes(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(cv2.convertScaleAbs(x, alpha=255), np.uint8)

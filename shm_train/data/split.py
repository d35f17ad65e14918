"""Which pictures are held out: by person and by near-duplicate, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

HELD_OUT = 0.1  # share of the groups of a source


class Bounds(NamedTuple):
    """Bits by which the difference hashes of two pictures may differ."""

    across: int
    down: int


NEAR = Bounds(6, 12)  # one scene
# One photograph, saved again: 47 of 50 stayed within when they were shrunk and compressed. Of 144 portraits from one
# studio, all in one pose, no two of different people are as near, while 200 pairs are within the bounds above.
COPIES = Bounds(2, 4)

Hashes = tuple[tuple[int, int], tuple[int, int]]  # upright, mirrored


def is_held_out(group: str) -> bool:
    """Whether a group (a person, or one picture with its near-duplicates) belongs to validation.

    By a hash of its name: nothing to store, and a new picture never moves an old one.
    """
    digest = hashlib.sha1(group.encode()).digest()
    return int.from_bytes(digest[:4], "big") < HELD_OUT * 2**32


def difference_hashes(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Two 64-bit hashes of (H, W, 3) uint8: signs of the differences across and down."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    across = cv2.resize(grey, (9, 8), interpolation=cv2.INTER_AREA)
    down = cv2.resize(grey, (8, 9), interpolation=cv2.INTER_AREA)
    return _bits(across[:, 1:] > across[:, :-1]), _bits(down[1:] > down[:-1])


def picture_hashes(image: NDArray[np.uint8]) -> Hashes:
    """The hashes of (H, W, 3) uint8 and of its mirror image, by which near-duplicates are found."""
    return difference_hashes(image), difference_hashes(np.ascontiguousarray(image[:, ::-1]))


def _bits(signs: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(signs).tobytes(), "big")


def near_duplicates(hashes: Mapping[str, Sequence[tuple[int, int]]], bounds: Bounds = NEAR) -> dict[str, str]:
    """Give every name the first name of its cluster of near-duplicates.

    Args:
        hashes: for each name the hashes of its picture, and of its mirror image if those count as duplicates.
        bounds: how near they must be.
    """
    names = sorted(hashes)
    upright = np.array([hashes[name][0] for name in names], np.uint64)  # (N, 2)
    variants = [(index, variant) for index, name in enumerate(names) for variant in hashes[name]]
    parent = list(range(len(names)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for index, (across, down) in variants:
        near = np.bitwise_count(upright[:, 0] ^ np.uint64(across)) <= bounds.across
        near &= np.bitwise_count(upright[:, 1] ^ np.uint64(down)) <= bounds.down
        for other in np.flatnonzero(near):
            low, high = sorted((root(index), root(int(other))))
            parent[high] = low
    return {name: names[root(index)] for index, name in enumerate(names)}

"""One Matter, many threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy import Matter

NUM_THREADS = 8


@pytest.fixture(scope="module")
def crops(portrait: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Eight pieces of a photograph, in four sizes."""
    sizes = [(96, 128), (128, 96), (64, 160), (112, 112)] * 2
    return [
        np.ascontiguousarray(portrait[16 * number :][:height, 120:][:, :width])
        for number, (height, width) in enumerate(sizes)
    ]


@pytest.mark.slow
def test_eight_threads_on_one_matter_give_the_same_bits(crops: list[NDArray[np.uint8]]) -> None:
    """As one thread does: every thread mattes every picture, each in another order, all at once."""
    meeting = threading.Barrier(NUM_THREADS)
    with Matter(threads=1) as matter:
        alone = [matter(crop) for crop in crops]

        def work(number: int) -> list[bool]:
            meeting.wait(30)
            order = [(number + step) % len(crops) for step in range(len(crops))]
            return [np.array_equal(matter(crops[which]), alone[which]) for which in order]

        with ThreadPoolExecutor(NUM_THREADS) as pool:
            equal = list(pool.map(work, range(NUM_THREADS)))
    assert any(alpha.any() for alpha in alone)
    assert all(all(answers) for answers in equal)


@pytest.mark.slow
def test_eight_streams_on_one_matter_give_the_same_bits(crops: list[NDArray[np.uint8]]) -> None:
    """As one stream does."""
    frames = [crops[0], crops[4], crops[0]]
    with Matter(threads=1) as matter:

        def work(number: int) -> list[NDArray[np.uint8]]:
            return [result.alpha for result in matter.stream(frames)]

        alone = work(0)
        with ThreadPoolExecutor(NUM_THREADS) as pool:
            streams = list(pool.map(work, range(NUM_THREADS)))
    assert len(alone) == len(frames)
    assert all(np.array_equal(one, other) for stream in streams for one, other in zip(stream, alone, strict=True))

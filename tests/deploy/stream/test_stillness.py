"""Telling noise from motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shm_deploy.stream.stillness import Stillness
from tests.deploy.stream.test_steadying import noisy


def test_noise_is_no_motion() -> None:
    """The first frame is new, the others show the same."""
    stillness = Stillness()
    assert [stillness.holds(noisy(number)) for number in range(5)] == [False, True, True, True, True]


def test_small_motion_is_seen() -> None:
    """A textured patch of 40x40 px in 640x480 moves by 3 px."""
    stillness = Stillness()
    stillness.holds(noisy(0))
    moved = noisy(1)
    moved[200:240, 300:340] = np.roll(moved[200:240, 300:340], 3, axis=1)
    assert not stillness.holds(moved)


def brighter(frame: NDArray[np.uint8], levels: float) -> NDArray[np.uint8]:
    """The same, lit by more."""
    return np.clip(np.rint(frame + levels), 0, 255).astype(np.uint8)


def test_slow_changes_add_up() -> None:
    """Half a level a frame is nothing from one to the next, and is seen in the end."""
    grey, stillness = np.full((480, 640, 3), 100, np.uint8), Stillness()
    held = [stillness.holds(brighter(grey, number / 2)) for number in range(8)]
    assert held[1:3] == [True, True]
    assert not all(held[1:])


def test_other_sizes_are_another_scene() -> None:
    """Nothing is compared."""
    stillness = Stillness()
    stillness.holds(noisy(0))
    assert not stillness.holds(noisy(0)[:, :500])


def test_same_scene_at_another_size_of_the_same_proportions_is_new() -> None:
    """As many means, but the mattes of the one don't fit the other."""
    grey, stillness = np.full((480, 640, 3), 100, np.uint8), Stillness()
    assert [stillness.holds(frame) for frame in (grey, grey[::2, ::2], grey[::2, ::2])] == [False, False, True]

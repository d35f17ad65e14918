"""Mattes that do not flicker, and leave no ghosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy import Frame, Matter
from shm_deploy.stream.steadying import Moment, steadied
from tests.deploy.fakes import FakeBackend


def texture(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Something that motion can be seen on."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.5), np.float32).clip(0, 255).astype(np.uint8)


SCENE = texture(96, 128, 0)


def moments(views: Sequence[NDArray[np.uint8]], alphas: Sequence[NDArray[np.uint8]]) -> Iterator[Moment[int]]:
    """Each carries its number."""
    for number, (view, alpha) in enumerate(zip(views, alphas, strict=True)):
        yield Moment(view=view, alpha=alpha, is_still=False, carried=number)


def plane(value: int) -> NDArray[np.uint8]:
    """One alpha everywhere."""
    return np.full(SCENE.shape[:2], value, np.uint8)


def test_flicker_of_a_still_scene_dies_down() -> None:
    """0, 90, 60, 120, ...: the median 60 of the first three, (0 + 60 + 60/2) / 2.5; the next are as even."""
    alphas = [plane(value) for value in (0, 90, 60, 120, 60, 120, 60, 120, 60, 120)]
    values = [int(alpha[48, 64]) for alpha, _ in steadied(moments([SCENE] * 10, alphas), look_ahead=True)]
    assert values[:2] == [0, 36]
    assert np.abs(np.diff(values[4:-1])).max() <= 20  # of 60


def test_without_looking_ahead_the_past_alone_helps() -> None:
    """100, then (140 + 100) / 2, then (100 + 120) / 2; each comes with its own frame, without waiting for the next."""
    alphas = [plane(100), plane(140), plane(100)]
    given: list[int] = []

    def counted() -> Iterator[Moment[int]]:
        for moment in moments([SCENE] * 3, alphas):
            given.append(moment.carried)
            yield moment

    for (alpha, number), wanted in zip(steadied(counted(), look_ahead=False), (100, 120, 110), strict=True):
        assert (alpha[48, 64], number, given[-1]) == (wanted, number, number)


def test_what_one_frame_alone_sees_is_out() -> None:
    """A false blob in the middle frame; neither neighbour confirms it."""
    blob = plane(0)
    blob[20:40, 30:60] = 255
    results = [alpha for alpha, _ in steadied(moments([SCENE] * 3, [plane(0), blob, plane(0)]), look_ahead=True)]
    assert results[1].max() == 0


def moving_square(number: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A textured square that goes 5 px a frame over another texture, and its alpha."""
    image, alpha = SCENE.copy(), plane(0)
    left = 10 + 5 * number
    image[30:70, left : left + 40] = 255 - texture(40, 40, 1)
    alpha[30:70, left : left + 40] = 255
    return image, alpha


@pytest.mark.parametrize("look_ahead", [True, False])
def test_motion_leaves_no_ghosts(look_ahead: bool) -> None:
    """A true alpha that moves stays nearly what it was, and is not smeared over where it has been."""
    views, alphas = zip(*(moving_square(number) for number in range(8)), strict=True)
    results = [alpha for alpha, _ in steadied(moments(views, alphas), look_ahead=look_ahead)]
    smeared = [np.mean([alphas[max(0, n - 1)], alphas[n]], axis=0) for n in range(8)]
    error, error_if_smeared = (
        np.mean([np.abs(found.astype(float) - true).mean() for found, true in zip(some, alphas, strict=True)])
        for some in (results, smeared)
    )
    assert error < error_if_smeared / 4


def test_new_scene_owes_nothing_to_the_old_one() -> None:
    """After a cut the frame's own alpha stands."""
    night = texture(96, 128, 5) // 3
    views = [SCENE, SCENE, night, night]
    alphas = [plane(0), plane(0), plane(200), plane(200)]
    results = [alpha for alpha, _ in steadied(moments(views, alphas), look_ahead=True)]
    assert np.abs(results[2].astype(int) - 200).mean() < 12
    assert np.abs(results[1].astype(int)).mean() < 12


def test_sizes_may_change() -> None:
    """A new size begins anew."""
    views = [SCENE, SCENE[:80]]
    results = [a for a, _ in steadied(moments(views, [plane(9), plane(77)[:80]]), look_ahead=True)]
    assert [alpha.shape for alpha in results] == [(96, 128), (80, 128)]
    assert (results[1] == 77).all()


def noisy(number: int) -> NDArray[np.uint8]:
    """A person's photograph under the noise of a sensor."""
    return np.clip(
        np.repeat(np.repeat(SCENE, 5, 0), 5, 1) + np.random.default_rng(number).normal(0, 3, (480, 640, 3)), 0, 255
    ).astype(np.uint8)


def test_still_scene_costs_one_run_and_gives_every_frame_its_own_result(fake_backend: FakeBackend) -> None:
    """The network runs for the first frame; the alphas are equal, but nobody shares one."""
    frames = [noisy(number) for number in range(6)]
    with Matter(fake_backend) as matter:
        results = list(matter.stream(Frame(pixels=frame, pts=number) for number, frame in enumerate(frames)))
        assert len(fake_backend.shapes) == 1
        assert len(list(matter.stream(frames, steady=False))) == len(fake_backend.shapes) - 1
    assert [result.pts for result in results] == list(range(6))
    assert all(result.frame is frame for result, frame in zip(results, frames, strict=True))
    np.testing.assert_array_equal(results[5].alpha, results[1].alpha)
    results[1].alpha[:] = 0
    assert results[5].alpha.any()


def test_still_scene_whose_frames_change_size_is_matted_again(fake_backend: FakeBackend) -> None:
    """A camera that goes from 640x480 to 320x240 and back shows the same; each alpha has the size of its own frame."""
    frames = [np.full((height, width, 3), 90, np.uint8) for height, width in ((480, 640), (240, 320), (480, 640))]
    with Matter(fake_backend) as matter:
        results = list(matter.stream(frames))
    assert [result.alpha.shape for result in results] == [(480, 640), (240, 320), (480, 640)]
    assert len(fake_backend.shapes) == 3

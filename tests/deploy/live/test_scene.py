"""What is made of live frames, and what the keys change."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy import Matter, Result
from shm_deploy.live.scene import Scene, open_scene
from shm_deploy.media.backgrounds import Colour
from shm_deploy.media.video.targets import Content
from tests.deploy.fakes import FakeBackend

GREEN, GREY = (0, 255, 0), (9, 9, 9)
BACKDROPS = (Colour(red=0, green=255, blue=0), Colour(red=9, green=9, blue=9))


@pytest.fixture
def result(fake_backend: FakeBackend) -> Result:
    """A frame of 16x32 px, whose left half is a person (red) and whose right half is not (blue)."""
    frame = np.zeros((16, 32, 3), np.uint8)
    frame[:, :16, 0] = frame[:, 16:, 2] = 255
    with Matter(fake_backend) as matter:
        return matter.matte(frame)


def corner(pixels: NDArray[np.uint8]) -> tuple[int, ...]:
    """The colour at the right, where nobody is."""
    return tuple(int(value) for value in pixels[0, -1])


def test_keys_choose_the_background(result: Result) -> None:
    """By number, or the next one; 0 shows the source; what is no key of ours changes nothing."""
    with open_scene(Content.OPAQUE, BACKDROPS, (16, 32)) as scene:
        seen = [corner(scene.render(result))]
        for key in ("2", "1", "n", "n", "0", "n", "9", "x", ""):
            assert scene.press(key)
            seen.append(corner(scene.render(result)))
    blue = (0, 0, 255)
    assert seen == [GREEN, GREY, GREEN, GREY, GREEN, blue, GREEN, GREEN, GREEN, GREEN]


@pytest.mark.parametrize("key", ["q", "\x1b"])
def test_q_and_escape_end(key: str) -> None:
    """The scene does not go on."""
    assert not Scene(Content.ALPHA, []).press(key)


def test_alpha_and_cutout_need_no_background(result: Result) -> None:
    """Their keys have nothing to switch."""
    for content, shape in ((Content.ALPHA, (16, 32)), (Content.CUTOUT, (16, 32, 4))):
        scene = Scene(content, [])
        assert all(scene.press(key) for key in "0nn1")
        assert scene.render(result).shape == shape
    assert scene.render(result)[0, 0].tolist() == [255, 0, 0, 255]

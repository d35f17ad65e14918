"""A live run as a whole, with somebody at the keys."""

from __future__ import annotations

import io
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy import Matter
from shm_deploy.live.outputs import ToWindow
from shm_deploy.live.running import LiveJob, run_live
from shm_deploy.live.sources import Recording
from shm_deploy.media.backgrounds import Colour
from shm_deploy.media.video.targets import Content
from tests.deploy.fakes import FakeBackend
from tests.deploy.media.video import zoo

FEW = [Fraction(number, 100) for number in range(40)]  # s
UNDER_WAY = 9  # frames at most that were made before a key is felt


def pixels_of(picture: bytes) -> NDArray[np.uint8]:
    """A binary PPM as (H, W, 3)."""
    _, width, height, _, data = picture.split(b" ", 4)
    return np.frombuffer(data, np.uint8).reshape(int(height), int(width), 3)


def test_keys_switch_the_background_and_end_the_run(tmp_path: Path, stand_ins: None, fake_backend: FakeBackend) -> None:
    """Green at first, grey soon after the key 2; after q nothing is shown, though the clip goes on."""
    import tkinter

    fake: Any = tkinter
    fake.pressed[:] = ["2", *"x" * UNDER_WAY, "q"]
    fake.pictures.clear()
    job = LiveJob(
        source=Recording(path=zoo.write_clip(tmp_path / "clip.mp4", times=FEW)),
        output=ToWindow(),
        content=Content.OPAQUE,
        backdrops=(Colour(red=0, green=255, blue=0), Colour(red=9, green=9, blue=9)),
        latency="full",
        timeout_s=5,
        retry_s=0,
        overwrite=False,
    )
    with Matter(fake_backend) as matter:
        tally = run_live(matter, job, io.BytesIO(), threading.Event(), lambda message: None)
    greens = [int(pixels_of(picture)[40, 80, 1]) for picture in fake.pictures]  # where nobody is
    assert tally.num_shown == len(greens) == 2 + UNDER_WAY < len(FEW)
    assert greens[0] > 200
    assert greens[-1] < 60

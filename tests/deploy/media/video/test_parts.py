"""Runs that were interrupted, and how they go on."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy.backends import Mattes
from shm_deploy.errors import MediaError
from shm_deploy.matter import Matter
from shm_deploy.media.backgrounds import Colour
from shm_deploy.media.products import Product
from shm_deploy.media.video.clips import WARM_UP
from shm_deploy.media.video.recipe import Wanted
from tests.deploy.fakes import FakeBackend
from tests.deploy.media.video import zoo
from tests.deploy.media.video.conftest import Run
from tests.deploy.processes import started

LONG = tuple(Fraction(number, 25) for number in range(90))  # s: keyframes at 0 and 50 at least
GREEN = Colour(red=0, green=200, blue=0)


class Interruption(Exception):
    """Stands for whatever ends a run."""


class InterruptedBackend(FakeBackend):
    """Works until it has seen `limit` frames."""

    limit: int | None = 80

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        if self.limit is not None and len(self.shapes) >= self.limit:
            raise Interruption
        return super().run(frames)


@pytest.fixture
def fake_backend() -> InterruptedBackend:
    """In place of the usual fake."""
    return InterruptedBackend()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        pytest.param("out.mp4", GREEN, id="mp4"),
        pytest.param("out.mkv", GREEN, id="mkv", marks=pytest.mark.slow),
        pytest.param("out.mov", Product.CUTOUT, id="prores", marks=pytest.mark.slow),
    ],
)
def test_interrupted_run_goes_on_where_it_stopped(
    name: str, wanted: Wanted, tmp_path: Path, fake_backend: InterruptedBackend, run: Run
) -> None:
    """What is before the last keyframe is kept, the rest is done; the result is whole."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=LONG, audio=("aac",), audio_s=3.6)
    with pytest.raises(Interruption):
        run(source, tmp_path / name, wanted)
    part = tmp_path / name.replace(".", ".part.")
    assert zoo.times_of(part)[:50] == pytest.approx([float(pts) for pts in LONG[:50]], abs=0.0006)
    assert not (tmp_path / name).exists()
    fake_backend.limit, num_before = None, len(fake_backend.shapes)
    summary = run(source, tmp_path / name, wanted, resume=True)
    assert summary.lost == ()
    assert summary.num_frames == 90
    assert 40 <= summary.num_resumed < 80
    assert len(fake_backend.shapes) - num_before == 90 - summary.num_resumed + WARM_UP
    assert zoo.times_of(tmp_path / name) == pytest.approx([float(pts) for pts in LONG], abs=0.0006)
    assert {path.name for path in tmp_path.iterdir()} == {"source.mp4", name}


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h265", "av1", None], ids=["h265", "av1", "vp9"])
def test_every_codec_goes_on(codec: str | None, tmp_path: Path, fake_backend: InterruptedBackend, run: Run) -> None:
    """The first half by one encoder, the second by another: one film. SVT-AV1 looks 40 frames ahead."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=[Fraction(number, 25) for number in range(140)])
    fake_backend.limit = 130
    target, wanted = (tmp_path / "out.mp4", GREEN) if codec else (tmp_path / "out.webm", Product.CUTOUT)
    with pytest.raises(Interruption):
        run(source, target, wanted, codec=codec)
    fake_backend.limit = None
    summary = run(source, target, wanted, codec=codec, resume=True)
    assert summary.lost == ()
    assert summary.num_resumed >= 40


@pytest.mark.slow
def test_part_of_another_recipe_is_not_gone_on_with(tmp_path: Path, fake_backend: InterruptedBackend, run: Run) -> None:
    """A green beginning and a blue end would be no result; without --resume it starts again."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=LONG)
    with pytest.raises(Interruption):
        run(source, tmp_path / "out.mp4", GREEN)
    fake_backend.limit = None
    with pytest.raises(MediaError, match="made with other options"):
        run(source, tmp_path / "out.mp4", Colour(red=0, green=0, blue=200), resume=True)
    assert run(source, tmp_path / "out.mp4", Colour(red=0, green=0, blue=200)).num_resumed == 0


def test_resume_without_a_part_starts_from_the_beginning(
    tmp_path: Path, fake_backend: InterruptedBackend, run: Run
) -> None:
    """So that one command line serves both runs."""
    fake_backend.limit = None
    source = zoo.write_clip(tmp_path / "source.mp4")
    assert run(source, tmp_path / "out.mp4", GREEN, resume=True).num_resumed == 0


@pytest.mark.slow
def test_interruption_while_taking_over_loses_nothing(
    tmp_path: Path, fake_backend: InterruptedBackend, run: Run
) -> None:
    """Of the two files that are there then, the longer one is gone on with."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=LONG)
    with pytest.raises(Interruption):
        run(source, tmp_path / "out.mp4", GREEN)
    shutil.copy(tmp_path / "out.part.mp4", tmp_path / "out.part-old.mp4")
    (tmp_path / "out.part.mp4").write_bytes((tmp_path / "out.part.mp4").read_bytes()[:4000])
    fake_backend.limit = None
    assert run(source, tmp_path / "out.mp4", GREEN, resume=True).num_resumed >= 40


@pytest.mark.slow
def test_killed_command_leaves_a_film_that_plays_and_goes_on(tmp_path: Path, tiny_model: Path) -> None:
    """`kill -9` after the second fragment; then --resume, verified."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=[Fraction(number, 25) for number in range(2000)])
    command = [sys.executable, "-m", "shm_deploy.cli.matte", str(source), "-o", str(tmp_path / "out.mp4")]
    command += ["--model", str(tiny_model), "--background", "white"]
    part = tmp_path / "out.part.mp4"
    with started(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (part.is_file() and part.stat().st_size > 20_000):
            time.sleep(0.01)
    assert len(zoo.times_of(part)) >= 50
    done = subprocess.run([*command, "--resume", "--verify"], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert len(zoo.times_of(tmp_path / "out.mp4")) == 2000


@pytest.mark.slow
def test_matter_survives_an_interrupted_clip(tmp_path: Path, fake_backend: InterruptedBackend, run: Run) -> None:
    """Nothing of it is left running."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=LONG)
    with pytest.raises(Interruption):
        run(source, tmp_path / "out.mp4", GREEN)
    fake_backend.limit = None
    with Matter(fake_backend) as matter:
        assert matter(zoo.picture((64, 96)))[40, 20] == 220

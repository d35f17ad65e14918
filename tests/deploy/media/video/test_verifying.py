"""The verification finds what is missing."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from shm_deploy.media.backgrounds import Colour
from shm_deploy.media.video.audio import TrackFact
from shm_deploy.media.video.targets import Content, choose_target
from shm_deploy.media.video.verifying import Expected, verify_file
from tests.deploy.media.video import zoo
from tests.deploy.media.video.conftest import Run

OPAQUE = choose_target(Path("x.mp4"), Content.OPAQUE, None)
TRACK = TrackFact(source_codec="aac", written_as="copied", num_packets=1, num_corrupt=0)


def expected(**changes: object) -> Expected:
    """What `zoo.write_clip` writes."""
    fields = {"size": (64, 96), "tags": zoo.HD, "times": list(zoo.STEADY), "alphas": [None] * len(zoo.STEADY)}
    return Expected(**(fields | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (expected(), None),
        (expected(times=[*zoo.STEADY, Fraction(1)]), "frames: wrote 11, the file has 10"),
        (expected(times=[*zoo.STEADY[:4], Fraction(17, 100), *zoo.STEADY[5:]]), "times: frame 4 is off by 0.0100 s"),
        (expected(size=(64, 98)), "size: wanted 98x64"),
        (expected(tags=replace(zoo.HD, matrix=6)), "colours: wanted matrix 6"),
        (expected(tags=replace(zoo.HD, range=2)), "colours: wanted range 2"),
        (expected(tags=replace(zoo.HD, primaries=9)), "colours: wanted primaries 9"),
        (expected(tags=replace(zoo.HD, transfer=16)), "colours: wanted transfer 16"),
        (expected(tracks=(TRACK,)), "audio: wanted 1 tracks, the file has 0"),
    ],
    ids=["nothing", "frame", "time", "size", "matrix", "range", "primaries", "transfer", "track"],
)
def test_loss_is_named(wanted: Expected, message: str | None, tmp_path: Path) -> None:
    """One line for each; none where all is there."""
    path = zoo.write_clip(tmp_path / "out.mp4")
    lost = verify_file(path, OPAQUE, wanted)
    assert lost == () if message is None else len(lost) == 1 and lost[0].startswith(message)


def test_missing_audio_packets_are_counted(tmp_path: Path) -> None:
    """A copied track has all of them."""
    path = zoo.write_clip(tmp_path / "out.mp4", audio=("aac",))
    (line,) = verify_file(path, OPAQUE, expected(tracks=(replace(TRACK, num_packets=1000),)))
    assert line.startswith("audio: track 1 had 1000 packets, the file has ")


def test_webm_that_lost_its_alpha_is_found(tmp_path: Path) -> None:
    """VP9 without an alpha plane, where one is wanted."""
    path = zoo.write_clip(tmp_path / "out.webm", encoder="libvpx-vp9")
    cutout = choose_target(path, Content.CUTOUT, None)
    assert verify_file(path, cutout, expected()) == ("alpha: 10 frames have no alpha plane",)


def test_alpha_of_another_frame_is_found(tmp_path: Path, run: Run) -> None:
    """The mean of each frame is compared."""
    from shm_deploy.media.products import Product

    source = zoo.write_clip(tmp_path / "source.mp4")
    run(source, tmp_path / "out.mkv", Product.CUTOUT)
    target = choose_target(tmp_path / "out.mkv", Content.CUTOUT, None)
    right = float(np.r_[np.full(48, 220), np.full(48, 20)].mean())
    alphas, tags = [right] * 10, replace(zoo.HD, matrix=0)
    assert verify_file(tmp_path / "out.mkv", target, expected(alphas=alphas, tags=tags)) == ()
    alphas[6] += 20
    (line,) = verify_file(tmp_path / "out.mkv", target, expected(alphas=alphas, tags=tags))
    assert line.startswith("alpha: the mean of frame 6 is off by ")


def test_opaque_results_need_no_alpha(tmp_path: Path, run: Run) -> None:
    """Nothing is missed in them."""
    source = zoo.write_clip(tmp_path / "source.mp4")
    assert run(source, tmp_path / "out.mp4", Colour(red=0, green=0, blue=0)).lost == ()

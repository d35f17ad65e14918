"""Where live frames go: windows and virtual cameras by stand-ins, files and pipes as they are."""

from __future__ import annotations

import io
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shm_deploy import BackendUnavailable, SpecError
from shm_deploy.live.feed import Opened
from shm_deploy.live.outputs import (
    Output,
    ToAddress,
    ToCamera,
    ToFile,
    ToPipe,
    ToWindow,
    is_watched,
    open_output,
    parse_output,
)
from shm_deploy.media.video.targets import Content

SMALL = Opened(size=(48, 64), rate=Fraction(30), frames=iter(()))
LARGE = Opened(size=(720, 1280), rate=Fraction(30), frames=iter(()))


def opened(output: Output, source: Opened, stdout: Any = None) -> Any:
    """The output's context."""
    return open_output(output, source, stdout=stdout or io.BytesIO(), overwrite=False)


@pytest.mark.parametrize(
    ("text", "kind", "watched"),
    [
        ("window", ToWindow, True),
        ("camera", ToCamera, True),
        ("camera:/dev/video10", ToCamera, True),
        ("rtmp://host/app/key", ToAddress, True),
        ("out.mp4", ToFile, False),
        ("-", ToPipe, False),
    ],
)
def test_output_is_told_from_its_name(text: str, kind: type, watched: bool) -> None:
    """And whether somebody looks on."""
    output = parse_output(text, Content.OPAQUE)
    assert isinstance(output, kind)
    assert is_watched(output) is watched


@pytest.mark.parametrize(
    ("text", "muxer"),
    [("rtmp://h/a", "flv"), ("rtsp://h/a", "rtsp"), ("udp://h:1", "mpegts"), ("rtp://h:1", "rtp_mpegts")],
)
def test_address_is_sent_to_as_its_scheme_wants(text: str, muxer: str) -> None:
    """H.264 of which no frame waits for the next."""
    output = parse_output(text, Content.OPAQUE)
    assert isinstance(output, ToAddress)
    assert (output.target.muxer, output.target.encoder) == (muxer, "libx264")
    assert output.target.options["tune"] == "zerolatency"


@pytest.mark.parametrize("text", ["window", "camera", "rtmp://host/app"])
def test_what_holds_no_alpha_takes_no_cutouts(text: str) -> None:
    """Said with what does."""
    with pytest.raises(SpecError, match=r"--cutout.*\.mov"):
        parse_output(text, Content.CUTOUT)


@pytest.mark.parametrize("text", ["srt://host:9000", "http://host/x", "folder/", "out.gif"])
def test_other_outputs_are_refused(text: str) -> None:
    """Each with what to do instead."""
    with pytest.raises(SpecError, match=r"wanted|ffmpeg"):
        parse_output(text, Content.OPAQUE)


def test_window_shows_frames_and_takes_keys(stand_ins: None) -> None:
    """Those larger than the screen (here 800x400 px) smaller: 720 rows in nine tenths of 400."""
    import tkinter

    fake: Any = tkinter
    fake.pressed[:] = ["2", "q"]
    with opened(ToWindow(), LARGE) as (write, keys):
        assert keys() is None
        write(np.full((720, 1280, 3), 7, np.uint8), Fraction(0))
        write(np.full((720, 1280), 9, np.uint8), Fraction(1))
        assert [keys(), keys(), keys()] == ["2", "q", None]
    colour, grey = fake.pictures[-2:]
    assert colour == b"P6 640 360 255 " + bytes([7]) * (640 * 360 * 3)
    assert grey == b"P5 640 360 255 " + bytes([9]) * (640 * 360)


def test_virtual_camera_takes_frames_and_greys(stand_ins: None) -> None:
    """An alpha as three equal channels."""
    import pyvirtualcam

    with opened(ToCamera(device=None), SMALL) as (write, _):
        write(np.full((48, 64, 3), 7, np.uint8), Fraction(0))
        write(np.full((48, 64), 9, np.uint8), Fraction(1))
    assert [frame.shape for frame in pyvirtualcam.sent[-2:]] == [(48, 64, 3)] * 2
    assert [int(frame[0, 0, 2]) for frame in pyvirtualcam.sent[-2:]] == [7, 9]


def test_virtual_camera_that_is_not_there_is_an_error(stand_ins: None) -> None:
    """With how to get one."""
    with pytest.raises(BackendUnavailable, match="modprobe v4l2loopback"), opened(ToCamera(device="/dev/none"), SMALL):
        pass


def test_missing_pyvirtualcam_has_an_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is none of the extras."""
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(BackendUnavailable, match="pip install pyvirtualcam"), opened(ToCamera(device=None), SMALL):
        pass


def test_pipe_takes_raw_frames() -> None:
    """As they are."""
    stdout = io.BytesIO()
    with opened(ToPipe(), SMALL, stdout) as (write, _):
        write(np.full((1, 2, 4), 5, np.uint8), Fraction(0))
    assert stdout.getvalue() == bytes([5] * 8)


def test_failure_leaves_the_unfinished_file(tmp_path: Path) -> None:
    """Under its own name, so that nobody takes it for the whole."""

    def fail() -> None:
        with opened(parse_output(str(tmp_path / "out.mkv"), Content.OPAQUE), SMALL) as (write, _):
            for number in range(60):
                write(np.full((48, 64, 3), number, np.uint8), Fraction(number, 30))
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out.part.mkv"]

"""What a command line may name as a source."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shm_deploy import SpecError
from shm_deploy.live.sources import Address, Device, Pipe, Recording, Source, parse_size, parse_source

NOTHING: dict[str, Any] = {"size": None, "rate": None, "pixels": None, "listen": False}
RATE = Fraction(30)


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ("0", {}, Device(kind="v4l2", name="/dev/video0", size=None, rate=None)),
        (
            "/dev/video2",
            {"size": (720, 1280), "rate": RATE},
            Device(kind="v4l2", name="/dev/video2", size=(720, 1280), rate=RATE),
        ),
        ("lavfi:testsrc2", {}, Device(kind="lavfi", name="testsrc2", size=None, rate=None)),
        ("rtmp://host/app", {"listen": True}, Address(url="rtmp://host/app", listen=True)),
        ("clip.mp4", {}, Recording(path=Path("clip.mp4"))),
        ("-", {"size": (48, 64), "rate": RATE}, Pipe(size=(48, 64), rate=RATE, pixels="rgb24")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_source_is_told_from_its_name(text: str, options: dict[str, Any], wanted: Source) -> None:
    """Cameras by number or file, addresses by scheme, - is standard input, all else a file."""
    assert parse_source(text, **NOTHING | options) == wanted


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("-", {}, "without --size WxH and --rate N"),
        ("srt://host:9000", {}, "ffmpeg -i srt://"),
        ("gopher://host", {}, "wanted a camera, a file, or an address of rtmp"),
        ("clip.mp4", {"pixels": "rgba"}, "got --pixels rgba for clip.mp4"),
        ("0", {"listen": True}, "got --listen for 0"),
        ("rtsp://host/cam", {"size": (48, 64)}, "which has its own"),
        ("lavfi:testsrc2", {"rate": RATE}, "whose graph says it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_go_together_is_refused(text: str, options: dict[str, Any], message: str) -> None:
    """With what to do."""
    with pytest.raises(SpecError, match=message):
        parse_source(text, **NOTHING | options)


def test_size_is_width_by_height() -> None:
    """In texts; (height, width) in Python."""
    assert parse_size("1280x720") == (720, 1280)


@pytest.mark.parametrize("text", ["1280", "1280x", "0x720", "-1x2", "axb", "1280x720x3"])
def test_no_size_is_refused(text: str) -> None:
    """Anything else than two positive numbers."""
    with pytest.raises(SpecError, match="WIDTHxHEIGHT"):
        parse_size(text)

"""Where live frames come from, as a command line names it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

from shm_deploy.errors import SpecError

Size = tuple[int, int]  # (height, width) [px]
PixelName = Literal["rgb24", "rgba", "gray"]

PIPE = "-"
TEST_PICTURES = "lavfi:"
ADDRESSES = ("rtmp", "rtmps", "rtsp", "rtsps", "udp", "tcp", "rtp", "http", "https")
SRT_ADVICE = (
    "PyAV's wheels have no SRT: read it by ffmpeg, and pipe its frames in: "
    "ffmpeg -i srt://HOST:PORT -f rawvideo -pix_fmt rgb24 -s 1280x720 - | shm-live - --size 1280x720 --rate 30 …"
)


@dataclass(frozen=True, kw_only=True)
class Device:
    """A camera of this machine (Video4Linux), or FFmpeg's test pictures; what is None is the device's own choice."""

    kind: Literal["v4l2", "lavfi"]
    name: str
    size: Size | None
    rate: Fraction | None  # frames/s


@dataclass(frozen=True, kw_only=True)
class Address:
    """A stream on the network."""

    url: str
    listen: bool  # wait for whoever sends to this address, instead of asking there


@dataclass(frozen=True, kw_only=True)
class Recording:
    """A video file."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class Pipe:
    """Raw frames on standard input, one after the other, without headers."""

    size: Size
    rate: Fraction  # frames/s
    pixels: PixelName


Source: TypeAlias = Device | Address | Recording | Pipe


def parse_source(
    text: str, *, size: Size | None, rate: Fraction | None, pixels: PixelName | None, listen: bool
) -> Source:
    """A source as a command line names it.

    Args:
        text: a camera's number or device file, `lavfi:GRAPH`, an address, a video file, or - for raw frames.
        size: of raw frames; of a camera, what it is asked for.
        rate: as `size`.
        pixels: of raw frames; None for rgb24.
        listen: of an address.

    Raises:
        SpecError: an option that does not go with this source, or one that is missing.
    """
    source = _parse(text, size, rate, pixels, listen)
    if pixels is not None and not isinstance(source, Pipe):
        raise SpecError(f"got --pixels {pixels} for {text}; it is for raw frames on standard input (-)")
    if listen and not isinstance(source, Address):
        raise SpecError(f"got --listen for {text}; it is for addresses such as rtmp://127.0.0.1:1935/live/me")
    if (size or rate) and not isinstance(source, (Pipe, Device)):
        raise SpecError(f"got --size or --rate for {text}, which has its own; they are for cameras and raw frames")
    return source


def parse_size(text: str) -> Size:
    """(height, width) of a text such as 1280x720.

    Raises:
        SpecError: no such text.
    """
    width, cross, height = text.lower().partition("x")
    if not (cross and width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise SpecError(f"got the size {text!r}, wanted WIDTHxHEIGHT such as 1280x720")
    return int(height), int(width)


def _parse(text: str, size: Size | None, rate: Fraction | None, pixels: PixelName | None, listen: bool) -> Source:
    if text == PIPE:
        if size is None or rate is None:
            raise SpecError("got raw frames on standard input without --size WxH and --rate N, which they don't tell")
        return Pipe(size=size, rate=rate, pixels=pixels or "rgb24")
    if text.isdecimal():
        return Device(kind="v4l2", name=f"/dev/video{text}", size=size, rate=rate)
    if text.startswith("/dev/"):
        return Device(kind="v4l2", name=text, size=size, rate=rate)
    if text.startswith(TEST_PICTURES):
        if size or rate:
            raise SpecError("got --size or --rate with lavfi:, whose graph says it (testsrc2=size=640x360:rate=30)")
        return Device(kind="lavfi", name=text.removeprefix(TEST_PICTURES), size=None, rate=None)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Recording(path=Path(text))
    if scheme == "srt":
        raise SpecError(f"got {text}. {SRT_ADVICE}")
    if scheme not in ADDRESSES:
        raise SpecError(f"got {text}; wanted a camera, a file, or an address of {', '.join(ADDRESSES)}")
    return Address(url=text, listen=listen)

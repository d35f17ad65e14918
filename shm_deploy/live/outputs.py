"""Where live frames go: parsed from a command line, and opened for frames of one size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.live.feed import Opened
from shm_deploy.live.keys import Keys, terminal_keys
from shm_deploy.live.raw import write_raw
from shm_deploy.live.sources import PIPE
from shm_deploy.live.streams import stream_target
from shm_deploy.media.files import check_target
from shm_deploy.media.video.colours import BT709, LIMITED, Tags
from shm_deploy.media.video.parts import part_of
from shm_deploy.media.video.reading import ClipFacts
from shm_deploy.media.video.targets import Content, Target, choose_target
from shm_deploy.media.video.writing import ClipWriter

WINDOW, CAMERA = "window", "camera"
TICK = Fraction(1, 90_000)  # s
HD = Tags(matrix=BT709, range=LIMITED, primaries=BT709, transfer=BT709)
COMMENT = "matted live"

Write = Callable[[NDArray[np.uint8], Fraction], None]  # (pixels, pts [s])


@dataclass(frozen=True)
class ToWindow:
    """A window on this screen."""


@dataclass(frozen=True, kw_only=True)
class ToCamera:
    """A virtual camera."""

    device: str | None


@dataclass(frozen=True, kw_only=True)
class ToAddress:
    """A stream to the network."""

    url: str
    target: Target


@dataclass(frozen=True, kw_only=True)
class ToFile:
    """A video file."""

    path: Path
    target: Target


@dataclass(frozen=True)
class ToPipe:
    """Raw frames on standard output."""


Output: TypeAlias = ToWindow | ToCamera | ToAddress | ToFile | ToPipe


def parse_output(text: str, content: Content) -> Output:
    """An output as a command line names it.

    Args:
        text: "window", "camera" or "camera:/dev/video10", an address, a video file, or - for raw frames.
        content: what the frames are.

    Raises:
        SpecError: an unknown suffix or scheme, or an output that can't hold the content.
    """
    output = _parse(text, content)
    if content is Content.CUTOUT and not isinstance(output, (ToFile, ToPipe)):
        raise SpecError(
            f"got --cutout for {text}, which has no alpha channel: write - (rgba), .mov, .webm or .mkv, or choose a "
            "--background"
        )
    return output


def is_watched(output: Output) -> bool:
    """Whether somebody looks on, so that frames have to come at their own speed and not late."""
    return isinstance(output, (ToWindow, ToCamera, ToAddress))


@contextmanager
def open_output(output: Output, opened: Opened, *, stdout: BinaryIO, overwrite: bool) -> Iterator[tuple[Write, Keys]]:
    """Open an output for the frames of a source.

    Files are written as `NAME.part.EXT`, which can be played at any time, and renamed at the end; whatever interrupts
    the run leaves that file behind.

    Args:
        output: what.
        opened: the source, for its size and rate.
        stdout: where raw frames go.
        overwrite: whether an existing file may be replaced.

    Yields:
        What takes a frame, and what gives the keys that were pressed.

    Raises:
        MediaError: it can't be opened, written or finished.
        BackendUnavailable: a package or a display is missing.
    """
    match output:
        case ToWindow():
            from shm_deploy.live.window import Window

            with closing(Window(opened.size)) as window:
                yield window.write, window.key
            return
        case ToCamera(device=device):
            from shm_deploy.live.virtual_camera import VirtualCamera

            with closing(VirtualCamera(device, opened.size, opened.rate)) as camera, terminal_keys() as keys:
                yield camera.write, keys
        case ToPipe():
            with terminal_keys() as keys:
                yield lambda pixels, pts: write_raw(stdout, pixels), keys
        case ToAddress(url=url, target=target):
            with ClipWriter(url, target, _facts(opened), None, COMMENT) as writer, terminal_keys() as keys:
                yield writer.write, keys
                writer.finish()
        case ToFile(path=path, target=target):
            check_target(path, overwrite=overwrite)
            part = part_of(path)
            _make_folder(part.parent)
            with ClipWriter(part, target, _facts(opened), None, COMMENT) as writer, terminal_keys() as keys:
                yield writer.write, keys
                writer.finish()
            part.replace(path)


def _parse(text: str, content: Content) -> Output:
    if text == PIPE:
        return ToPipe()
    if text == WINDOW:
        return ToWindow()
    if text == CAMERA:
        return ToCamera(device=None)
    if text.startswith(f"{CAMERA}:"):
        return ToCamera(device=text.removeprefix(f"{CAMERA}:"))
    if "://" in text:
        return ToAddress(url=text, target=stream_target(text, content))
    if text.endswith(os.sep) or Path(text).is_dir():
        raise SpecError(f"got the folder {text} as a live output; wanted a file, an address, window, camera or -")
    return ToFile(path=Path(text), target=choose_target(Path(text), content, None))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"can't write to {folder}: {error.strerror or error}") from error


def _facts(opened: Opened) -> ClipFacts:
    return ClipFacts(
        size=opened.size,
        rotation=0,
        pixel_aspect=Fraction(1),
        bits=8,
        tags=HD,
        time_base=TICK,
        rate=opened.rate,
        num_frames=None,
        num_audio=0,
    )

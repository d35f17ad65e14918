"""A folder of numbered PNGs, with a list of their times that FFmpeg reads."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.media.decoding import open_picture
from shm_deploy.media.formats import PNG
from shm_deploy.media.images import encode_image
from shm_deploy.media.metadata import Metadata

LIST_NAME = "frames.ffconcat"  # ffmpeg -safe 0 -f concat -i frames/frames.ffconcat …
_FRAME_NAME = re.compile(r"\d{6,}\.(png|part)")  # or one that was being written when a run was killed


def png_name(number: int) -> str:
    """The file of a frame, by its number from 0."""
    return f"{number:06d}.png"


def check_folder(folder: Path, *, overwrite: bool) -> None:
    """Make sure that a clip may become this folder, before any work is done.

    Args:
        folder: is replaced as a whole, so that it may hold nothing but frames of an earlier run.
        overwrite: whether those may be replaced.

    Raises:
        SpecError: it has no name of its own.
        MediaError: there is a file, or a folder that may not be replaced.
    """
    if folder.name in ("", ".."):
        raise SpecError(f"got the output folder {folder}; wanted one with a name of its own, such as frames/")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise MediaError(f"{folder} is a file: name another folder")
    names = sorted(path.name for path in folder.iterdir())
    others = [name for name in names if name != LIST_NAME and not _FRAME_NAME.fullmatch(name)]
    if others:
        raise MediaError(f"{folder} is not empty and holds {others[0]}, which is no frame: name another folder")
    if names and not overwrite:
        raise MediaError(f"{folder} is not empty: name another folder, or give --overwrite to replace its frames")


class PngWriter:
    """Writes frames as 000000.png, 000001.png, …; audio stays behind."""

    def __init__(self, folder: Path, rate: Fraction) -> None:
        """Make the folder.

        Args:
            folder: may hold the first frames already, of an interrupted run.
            rate: frames/s, for the last frame's duration.

        Raises:
            MediaError: it can't be made.
        """
        self._folder = folder
        self._rate = rate
        self._times: list[Fraction] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MediaError(f"can't make the folder {folder}: {error.strerror or error}") from error

    def num_present(self) -> int:
        """How many frames an earlier run left, from the first on without a gap."""
        return next(number for number in count() if not (self._folder / png_name(number)).is_file())

    def skip(self, pts: Fraction) -> None:
        """Count a frame that is there already."""
        self._times.append(pts)

    def write(self, pixels: NDArray[np.uint8], pts: Fraction) -> None:
        """Write a frame whole or not at all.

        Args:
            pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) straight RGBA; uint8.
            pts: seconds, later than the frame before.

        Raises:
            MediaError: the file system refuses.
        """
        target = self._folder / png_name(len(self._times))
        part = target.with_suffix(".part")
        try:
            part.write_bytes(encode_image(pixels, PNG, Metadata()))
            part.replace(target)
        except OSError as error:
            raise MediaError(f"can't write {target}: {error.strerror or error}") from error
        self._times.append(pts)

    def finish(self) -> int:
        """Write the list of times; returns the number of frames.

        A PNG's own clock has 25 ticks a second; the option, which wants `-safe 0` of FFmpeg, makes it milliseconds.

        Raises:
            MediaError: the file system refuses.
        """
        ends = [*self._times[1:], *(pts + 1 / self._rate for pts in self._times[-1:])]
        lines = ["ffconcat version 1.0"]
        for number, (begin, end) in enumerate(zip(self._times, ends, strict=True)):
            lines += [f"file {png_name(number)}", "option framerate 1000", f"duration {float(end - begin):.6f}"]
        times = self._folder / LIST_NAME
        try:
            times.write_text("\n".join(lines) + "\n")
        except OSError as error:
            raise MediaError(f"can't write {times}: {error.strerror or error}") from error
        return len(self._times)


def verify_pngs(folder: Path, num_frames: int, size: tuple[int, int]) -> tuple[str, ...]:
    """Read every frame again; one line for each thing that was lost."""
    lost: list[str] = []
    for number in range(num_frames):
        path = folder / png_name(number)
        try:
            picture = open_picture(path)
        except MediaError as error:
            lost.append(str(error))
            continue
        if (picture.height, picture.width) != size:
            lost.append(f"size: {path.name} has {picture.width}x{picture.height} px, wanted {size[1]}x{size[0]}")
    return tuple(lost)

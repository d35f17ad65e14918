"""Frames without headers on pipes, as ffmpeg, GStreamer and OBS's helpers speak them (`-f rawvideo`)."""

from __future__ import annotations

from collections.abc import Generator
from io import RawIOBase
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import MediaError
from shm_deploy.live.sources import Pipe
from shm_deploy.stream.frames import Frame

CHANNELS = {"rgb24": 3, "rgba": 4, "gray": 1}


def read_raw(stream: RawIOBase, pipe: Pipe) -> Generator[Frame, None, None]:
    """Frames until the pipe ends.

    Args:
        stream: binary; unbuffered, or the interpreter aborts at its end where a thread still waits here.
        pipe: what the frames are like.

    Yields:
        pixels (H, W, 3) uint8 RGB, whose transparency is dropped and whose grey is repeated; pts [s] by the rate.

    Raises:
        MediaError: the pipe ends within a frame, which is what a wrong size or pixel format looks like.
    """
    shape = (*pipe.size, CHANNELS[pipe.pixels])
    wanted = int(np.prod(shape))
    number = 0
    while True:
        pixels = np.empty(shape, np.uint8)
        got = _fill(stream, pixels.data.cast("B"))
        if not got:
            return
        if got < wanted:
            raise MediaError(
                f"standard input ends after {got} of the {wanted} bytes of frame {number} "
                f"({pipe.size[1]}x{pipe.size[0]} {pipe.pixels}): do --size and --pixels fit what is sent?"
            )
        yield Frame(pixels=_as_rgb(pixels), pts=number / pipe.rate)
        number += 1


def write_raw(stream: BinaryIO, pixels: NDArray[np.uint8]) -> None:
    """Write one frame, (H, W), (H, W, 3) or (H, W, 4) uint8.

    Raises:
        MediaError: nobody reads any more, or the disk behind the pipe is full.
    """
    try:
        stream.write(np.ascontiguousarray(pixels).data)
        stream.flush()
    except BrokenPipeError as error:
        raise MediaError("nobody reads standard output any more") from error
    except OSError as error:
        raise MediaError(f"can't write to standard output: {error.strerror or error}") from error


def _fill(stream: RawIOBase, target: memoryview) -> int:
    """Read until the target is full, or nothing comes any more; returns the bytes that came."""
    got = 0
    while got < len(target):
        num_bytes = stream.readinto(target[got:])
        if not num_bytes:
            break
        got += num_bytes
    return got


def _as_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    match pixels.shape[2]:
        case 3:
            return pixels
        case 4:
            return np.ascontiguousarray(pixels[..., :3])
        case _:
            return np.repeat(pixels, 3, axis=2)

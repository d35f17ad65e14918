"""Raw frames on pipes."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import cast

import numpy as np
import pytest

from shm_deploy import MediaError
from shm_deploy.live.raw import read_raw, write_raw
from shm_deploy.live.sources import Pipe, PixelName


def pipe(pixels: PixelName = "rgb24") -> Pipe:
    """Frames of 2x1 px, four a second."""
    return Pipe(size=(1, 2), rate=Fraction(4), pixels=pixels)


@pytest.mark.parametrize(
    ("name", "data", "wanted"),
    [
        ("rgb24", [1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]),
        ("rgba", [1, 2, 3, 99, 4, 5, 6, 99], [[1, 2, 3], [4, 5, 6]]),
        ("gray", [7, 8], [[7, 7, 7], [8, 8, 8]]),
    ],
)
def test_frames_are_cut_by_their_size(name: str, data: list[int], wanted: list[list[int]]) -> None:
    """Transparency is dropped, grey repeated; times follow from the rate."""
    frames = list(read_raw(io.BytesIO(bytes(data * 2)), pipe(cast(PixelName, name))))
    assert [frame.pts for frame in frames] == [0, Fraction(1, 4)]
    for frame in frames:
        assert frame.pixels.tolist() == [wanted]
        assert frame.pixels.flags.c_contiguous


def test_pipe_that_ends_within_a_frame_is_an_error() -> None:
    """Which is how a wrong size shows."""
    with pytest.raises(MediaError, match=r"after 2 of the 6 bytes of frame 1 \(2x1 rgb24\).*--size"):
        list(read_raw(io.BytesIO(bytes(8)), pipe()))


def test_empty_pipe_has_no_frames() -> None:
    """And is no error."""
    assert list(read_raw(io.BytesIO(), pipe())) == []


def test_frames_are_written_row_by_row() -> None:
    """Also those that lie otherwise in memory."""
    stream = io.BytesIO()
    write_raw(stream, np.arange(6, dtype=np.uint8).reshape(3, 2).T)
    assert stream.getvalue() == bytes([0, 2, 4, 1, 3, 5])


def test_full_disk_is_named() -> None:
    """/dev/full is always so."""
    with (
        open("/dev/full", "wb", buffering=0) as stream,
        pytest.raises(MediaError, match="standard output: No space left"),
    ):
        write_raw(stream, np.zeros((1, 2), np.uint8))

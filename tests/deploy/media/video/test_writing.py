"""Video files that can't be written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import pytest

from shm_deploy.errors import MediaError
from shm_deploy.media.video.reading import ClipReader, seconds_of
from shm_deploy.media.video.targets import Content, choose_target
from shm_deploy.media.video.writing import ClipWriter
from tests.deploy.media.video import zoo

FULL = Path("/dev/full")
TARGET = replace(choose_target(Path("out.mkv"), Content.ALPHA, None), muxer="matroska")  # the device has no suffix


def encode(source: Path, writer: ClipWriter) -> None:
    with ClipReader(source) as clip:
        for frame in clip.frames():
            writer.write(frame.pixels, seconds_of(frame))


def copy(source: Path, writer: ClipWriter) -> None:
    with av.open(source) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        for packet, pts in zip(packets, zoo.STEADY, strict=True):
            writer.copy(packet, pts)


def write_to_full_disk(source: Path, write: Callable[[Path, ClipWriter], None]) -> None:
    with ClipReader(source) as clip, ClipWriter(FULL, TARGET, clip.facts, None, "") as writer:
        write(source, writer)
        writer.finish()


@pytest.mark.parametrize("write", [encode, copy])
def test_full_disk_is_said(write: Callable[[Path, ClipWriter], None], tmp_path: Path) -> None:
    """Whether frames are encoded, or packets of an interrupted run are copied, which a run that goes on begins with."""
    source = zoo.write_clip(tmp_path / "source.mkv", encoder="ffv1", pixel_format="gray")
    with pytest.raises(MediaError, match=r"can't write /dev/full.*No space"):
        write_to_full_disk(source, write)

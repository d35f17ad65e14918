"""Video files as upright RGB frames with their times."""

from __future__ import annotations

import logging
from collections.abc import Generator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av

from shm_deploy.errors import MediaError
from shm_deploy.media.video.colours import Tags, tags_of
from shm_deploy.media.video.upright import is_sideways, rotation_of, upright_rgb, upright_size
from shm_deploy.stream.frames import Frame

logger = logging.getLogger(__name__)

MICROSECONDS = 1_000_000
FALLBACK_RATE = Fraction(25)  # frames/s, where a file names none
# Containers that count frames in the order of decoding. FFmpeg makes up when they are shown, wrongly where they were
# reordered (B-frames, of XviD for one); as they are decoded they come one by one.
WITHOUT_TIMES = ("avi",)


@dataclass(frozen=True, kw_only=True)
class ClipFacts:
    """What a video file is, read off its header and its first frame."""

    size: tuple[int, int]  # (height, width) of the upright frames [px]
    rotation: int  # degrees counter-clockwise by which stored frames are turned to be upright
    pixel_aspect: Fraction  # width of an upright pixel over its height
    bits: int  # per channel
    tags: Tags
    time_base: Fraction  # s
    rate: Fraction  # mean frames/s
    num_frames: int | None  # as the header says, or follows from duration and rate; None where it says neither
    num_audio: int  # audio tracks


class ClipReader:
    """One video file, opened; `frames()` goes through it once.

    >>> with ClipReader(path) as clip:
    ...     for frame in clip.frames():
    ...         frame.pixels, frame.pts
    """

    def __init__(self, path: Path) -> None:
        """Open a file and decode its first frame, for what the header does not say.

        Raises:
            MediaError: it is missing, no video, or nothing in it can be decoded.
        """
        self.path = path
        self.num_corrupt = 0  # packets that could not be decoded, and frames that came out damaged, so far
        self._container = open_media(path)
        stream = self._container.streams.best("video")
        if not isinstance(stream, av.VideoStream):
            self._container.close()
            raise MediaError(f"{path} has no video: a clip was expected")
        self._stream = stream
        stream.thread_type = "AUTO"
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            self.close()
            raise MediaError(f"nothing in {path} can be decoded: it is empty, broken, or of an unknown codec")
        self._first = first
        self.facts = self._facts_of(first)

    def frames(self) -> Generator[Frame, None, None]:
        """Every frame that can be decoded, in order of time.

        Yields:
            pixels (H, W, 3) uint8 RGB, full range, upright; pts in seconds from the start of the file, exact.
        """
        for frame in chain([self._first], self._decoded):
            assert frame.pts is not None
            pts = (frame.pts - self._start) * self.facts.time_base
            yield Frame(pixels=upright_rgb(frame, self.facts.rotation), pts=pts)

    def close(self) -> None:
        """Release the file."""
        self._decoded.close()
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _start(self) -> int:
        """Where the file begins, in ticks of the video."""
        return start_ticks(self._container, self.facts.time_base)

    def _facts_of(self, first: av.VideoFrame) -> ClipFacts:
        stream = self._stream
        assert first.time_base is not None
        rotation = rotation_of(first)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        rate = stream.average_rate or stream.guessed_rate or FALLBACK_RATE
        duration = self._container.duration
        estimate = None if duration is None else round(duration * rate / MICROSECONDS)
        return ClipFacts(
            size=upright_size(first, rotation),
            rotation=rotation,
            pixel_aspect=1 / aspect if is_sideways(rotation) else aspect,
            bits=max(component.bits for component in first.format.components),
            tags=tags_of(first),
            time_base=first.time_base,
            rate=rate,
            num_frames=stream.frames or estimate,
            num_audio=len(self._container.streams.audio),
        )

    def _decode(self) -> Generator[av.VideoFrame, None, None]:
        """Frames with rising time stamps; what fails to decode is counted and left out."""
        last: int | None = None
        first_dts: int | None = None
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.error.InvalidDataError as error:
                self.num_corrupt += 1
                logger.info("%s: a packet can't be decoded: %s", self.path, error)
                continue
            for frame in frames:
                if self._container.format.name in WITHOUT_TIMES:
                    first_dts = frame.dts if first_dts is None else first_dts
                    frame.pts = None if frame.dts is None or first_dts is None else frame.dts - first_dts
                if frame.pts is None:
                    frame.pts = 0 if last is None else last + self._step(frame)
                if last is not None and frame.pts <= last:
                    self.num_corrupt += 1
                    continue
                self.num_corrupt += frame.is_corrupt
                last = frame.pts
                yield frame

    def _packets(self) -> Generator[Any, None, None]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except (av.error.InvalidDataError, av.error.EOFError) as error:
                self.num_corrupt += 1
                logger.info("%s ends in the middle: %s", self.path, error)
                return

    def _step(self, frame: av.VideoFrame) -> int:
        """Ticks between two frames at the mean rate."""
        rate = self._stream.average_rate or FALLBACK_RATE
        return max(1, round(1 / (rate * (frame.time_base or 1 / rate))))


def open_media(path: Path) -> av.container.InputContainer:
    """Open a file for reading.

    Raises:
        MediaError: it is missing, or no video or audio file.
    """
    try:
        return av.open(path)
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            f"can't read {path} as a video ({error.strerror or error}): copy or export it again"
        ) from error


def start_ticks(container: av.container.InputContainer, time_base: Fraction) -> int:
    """Where a file that does not begin at zero (a recording of a broadcast) begins, in ticks of a stream."""
    start = container.start_time or 0
    return max(0, int(Fraction(start, MICROSECONDS) / time_base))


def seconds_of(frame: Frame) -> Fraction:
    """The time stamp of a clip's frame; never None, and exact."""
    assert isinstance(frame.pts, Fraction)
    return frame.pts

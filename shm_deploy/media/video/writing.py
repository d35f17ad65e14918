"""Frames to video files, with the times, the colours and the audio of the clip that they come from."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import MediaError
from shm_deploy.media.video.audio import AudioTracks, TrackFact
from shm_deploy.media.video.colours import BT709, FULL, HD_HEIGHT, LIMITED, RGB, SMPTE170M, Tags, frame_of
from shm_deploy.media.video.reading import ClipFacts
from shm_deploy.media.video.targets import Content, Target

logger = logging.getLogger(__name__)

RGB_FORMATS = ("bgra",)
KEYFRAMES_S = 2  # a keyframe at least so often: what a player jumps to, and an interrupted file goes on from


class ClipWriter:
    """Writes one video file, or sends one stream."""

    def __init__(self, path: Path | str, target: Target, facts: ClipFacts, audio: Path | None, comment: str) -> None:
        """Open a file for writing, or connect to an address.

        Args:
            path: a file, whose suffix the muxer goes by where the target names none; an address as text.
            target: encoder and container.
            facts: of the source; size, times and colours are kept.
            audio: the file whose audio tracks come along, and whose title and the like; None for silence.
            comment: goes into the file's metadata.

        Raises:
            MediaError: the encoder or the file system refuses.
        """
        self._path = path
        self._tags = tags_for(target, facts)
        self._format = target.odd_pixel_format if any(side % 2 for side in facts.size) else target.pixel_format
        self._time_base = facts.time_base
        try:
            self._container = av.open(path, "w", format=target.muxer, options=dict(target.muxer_options))
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"can't write {path}: {error.strerror or error}") from error
        self._stream = self._add_video(target, facts)
        self._audio: AudioTracks | None = None
        if audio is not None:
            self._audio = AudioTracks(
                audio,
                self._container,
                target.transcoded_audio,
                refused=target.refused_audio,
                before_zero=target.audio_before_zero,
            )
            self._container.metadata.update(self._audio.titles())
        self._container.metadata["comment"] = comment

    def write(self, pixels: NDArray[np.uint8], pts: Fraction) -> None:
        """Encode a frame, and the audio up to it.

        Args:
            pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA as the target's content is; uint8.
            pts: seconds, later than the frame before.

        Raises:
            MediaError: the encoder or the file system refuses.
        """
        frame = frame_of(pixels, self._format, self._tags)
        frame.pts, frame.time_base = round(pts / self._time_base), self._time_base
        with self._failures_told():
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
            self._advance_audio(pts)

    def copy(self, packet: av.Packet[av.VideoStream], pts: Fraction) -> None:
        """Write a packet that was encoded before, and the audio up to it.

        Raises:
            MediaError: the file system refuses.
        """
        packet.stream = self._stream
        with self._failures_told():
            self._container.mux(packet)
            self._advance_audio(pts)

    def finish(self) -> tuple[TrackFact, ...]:
        """Write what the encoders still hold, the rest of the audio, and the end of the file.

        Raises:
            MediaError: the encoder or the file system refuses.
        """
        with self._failures_told():
            for packet in self._stream.encode(None):
                self._container.mux(packet)
            facts = self._audio.finish() if self._audio else ()
            self._container.close()
        return facts

    def close(self) -> None:
        """Release the file; what was written so far stays, and can be played."""
        if self._audio:
            self._audio.close()
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except (av.error.FFmpegError, OSError) as second:
            if error is None:
                raise self._failure(second) from second
            logger.info("%s: can't end it either: %s", self._path, second)  # a full disk takes no end of file

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, OSError) as error:
            raise self._failure(error) from error

    def _advance_audio(self, until: Fraction) -> None:
        if self._audio:
            self._audio.advance(until)

    def _add_video(self, target: Target, facts: ClipFacts) -> av.VideoStream:
        stream = self._container.add_stream(target.encoder, rate=facts.rate, options=dict(target.options))
        assert isinstance(stream, av.VideoStream)
        context = stream.codec_context
        context.height, context.width = facts.size
        context.pix_fmt = self._format
        context.time_base = stream.time_base = self._time_base
        context.gop_size = max(1, math.ceil(KEYFRAMES_S * facts.rate))
        context.sample_aspect_ratio = facts.pixel_aspect
        context.colorspace, context.color_range = self._tags.matrix, self._tags.range
        context.color_primaries, context.color_trc = self._tags.primaries, self._tags.transfer
        if target.codec_tag is not None:
            context.codec_tag = target.codec_tag
        return stream

    def _failure(self, error: Exception) -> MediaError:
        reason = getattr(error, "strerror", None) or error
        return MediaError(f"can't write {self._path}: {reason}")


def tags_for(target: Target, facts: ClipFacts) -> Tags:
    """How a result is tagged: as its source, as far as its pixels allow.

    Grey alphas are full range, so that 0..255 stays 0..255; RGB in a source has no matrix to keep, and one of its own
    in a result that is Y'CbCr.
    """
    tags = facts.tags
    matrix, value_range = tags.matrix, tags.range
    if target.pixel_format in RGB_FORMATS:
        matrix, value_range = RGB, FULL
    elif tags.matrix == RGB:
        matrix, value_range = (BT709 if facts.size[0] >= HD_HEIGHT else SMPTE170M), LIMITED
    if target.content is Content.ALPHA:
        value_range = FULL
    if target.limited_range:
        value_range = LIMITED
    return Tags(matrix=matrix, range=value_range, primaries=tags.primaries, transfer=tags.transfer)

"""Cameras and network streams as upright RGB frames, without the delays that suit files."""

from __future__ import annotations

import errno
import logging
from collections.abc import Generator
from fractions import Fraction
from itertools import chain
from types import TracebackType
from typing import Self

import av

from shm_deploy.errors import MediaError
from shm_deploy.live.sources import Address, Device
from shm_deploy.media.video.reading import FALLBACK_RATE
from shm_deploy.media.video.upright import rotation_of, upright_rgb, upright_size
from shm_deploy.stream.frames import Frame

logger = logging.getLogger(__name__)

# What FFmpeg may look at before the first frame: its own choice are 5 MB and 5 s, all of which would be delay.
NO_DELAY = {"probesize": "500000", "analyzeduration": "500000"}
LISTEN = {
    "rtmp": {"listen": "1"},
    "tcp": {"listen": "1"},
    "http": {"listen": "1"},
    "rtsp": {"rtsp_flags": "listen", "listen_timeout": "86400"},  # s; without it FFmpeg's own default is out of range
}
DAY_S = 86_400.0


class Receiver:
    """An opened camera or address; `frames()` goes on until it ends."""

    def __init__(self, source: Device | Address, timeout_s: float) -> None:
        """Open it and decode its first frame.

        Args:
            source: where from.
            timeout_s: how long to wait for an answer, and for each packet.

        Raises:
            MediaError: nobody is there, or nothing can be decoded.
        """
        self._is_address = isinstance(source, Address)
        self._name = source.name if isinstance(source, Device) else source.url
        try:
            self._container = _open(source, timeout_s)
        except (av.error.FFmpegError, OSError) as error:
            raise MediaError(f"can't open {self._name}: {_reason(error)}") from error
        stream = self._container.streams.best("video")
        if not isinstance(stream, av.VideoStream):
            self._container.close()
            raise MediaError(f"{self._name} sends no video")
        stream.thread_type = "SLICE"  # decoding frames side by side would keep one back per thread
        self._stream = stream
        self._decoded = self._decode()
        first = next(self._decoded, None)
        if first is None:
            self.close()
            raise MediaError(f"{self._name} ended before its first frame")
        self._first = first
        self.rate = stream.average_rate or stream.guessed_rate or FALLBACK_RATE
        self.size = upright_size(first, rotation_of(first))

    def frames(self) -> Generator[Frame, None, None]:
        """Frames as they arrive.

        Yields:
            pixels (H, W, 3) uint8 RGB, full range, upright; pts as the source stamps them [s], None without a stamp.

        Raises:
            MediaError: the source stalls or vanishes.
        """
        for frame in chain([self._first], self._decoded):
            pts = None if frame.pts is None or frame.time_base is None else frame.pts * Fraction(frame.time_base)
            yield Frame(pixels=upright_rgb(frame, rotation_of(frame)), pts=pts)

    def close(self) -> None:
        """Release the camera or the connection."""
        self._decoded.close()
        self._container.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _decode(self) -> Generator[av.VideoFrame, None, None]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.error.EOFError):
                return
            except (av.error.FFmpegError, OSError) as error:
                if error.errno == errno.EIO and self._is_address:  # RTMP's end, when the sender hangs up
                    yield from self._stream.decode(None)  # what the decoder still holds
                    return
                raise MediaError(f"{self._name} has gone: {_reason(error)}") from error
            try:
                yield from packet.decode()
            except av.error.InvalidDataError as error:
                logger.info("%s: a packet can't be decoded: %s", self._name, error)


def _open(source: Device | Address, timeout_s: float) -> av.container.InputContainer:
    match source:
        case Device(kind=kind, name=name, size=size, rate=rate):
            options = {} if size is None else {"video_size": f"{size[1]}x{size[0]}"}
            options |= {} if rate is None else {"framerate": str(rate)}
            return av.open(name, format=kind, options=options, timeout=timeout_s)
        case Address(url=url, listen=listen):
            scheme = url.partition("://")[0]
            if not listen:
                tcp = {"rtsp_transport": "tcp"} if scheme.startswith("rtsp") else {}
                return av.open(url, options=NO_DELAY | tcp, timeout=timeout_s)
            if scheme not in LISTEN:
                raise MediaError(f"can't wait for a sender on {scheme}; wanted an address of {', '.join(LISTEN)}")
            return av.open(url, options=NO_DELAY | LISTEN[scheme], timeout=(DAY_S, timeout_s))


def _reason(error: Exception) -> str:
    if isinstance(error, av.error.ExitError):  # FFmpeg's word for a call that took too long
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error)

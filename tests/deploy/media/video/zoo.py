"""Small clips of every odd kind, made by PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from shm_deploy.media.video.colours import BT709, LIMITED, Tags, frame_of

HD = Tags(matrix=BT709, range=LIMITED, primaries=1, transfer=1)
TICKS = Fraction(1, 12_800)  # s
STEADY = tuple(Fraction(number, 25) for number in range(10))  # s
UNEVEN = tuple(Fraction(number, 100) for number in (0, 4, 5, 30, 31, 60, 64, 99))  # s
RED, BLUE = (220, 20, 20), (20, 40, 220)


def picture(size: tuple[int, int], number: int = 0) -> NDArray[np.uint8]:
    """Red, which is a person to the tests' networks, in the left half; blue in the right. Its top row moves."""
    image = np.empty((*size, 3), np.uint8)
    image[:], image[:, : size[1] // 2] = BLUE, RED
    image[:4, 4 * number % size[1] :][:, :4] = 255
    return image


def write_clip(
    path: Path,
    *,
    size: tuple[int, int] = (64, 96),
    times: Sequence[Fraction] = STEADY,
    encoder: str = "libx264",
    pixel_format: str = "yuv420p",
    tags: Tags = HD,
    rotation: int = 0,
    audio: Sequence[str] = (),
    audio_s: float = 0.4,
) -> Path:
    """Write a clip.

    Args:
        size: (height, width) as stored [px].
        times: of its frames [s].
        rotation: degrees counter-clockwise by which a player turns it.
        audio: an encoder per track.
        audio_s: length of each track [s].
    """
    with av.open(path, "w") as container:
        video = container.add_stream(encoder, rate=25)
        assert isinstance(video, av.VideoStream)
        context = video.codec_context
        context.height, context.width, context.pix_fmt = *size, pixel_format
        context.time_base = video.time_base = TICKS
        context.colorspace, context.color_range = tags.matrix, tags.range
        context.color_primaries, context.color_trc = tags.primaries, tags.transfer
        if rotation:
            video.set_display_rotation(rotation)
        tracks = [_add_track(container, name) for name in audio]
        for number, pts in enumerate(times):
            frame = frame_of(picture(size, number), pixel_format, tags)
            frame.pts, frame.time_base = int(pts / TICKS), TICKS
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for number, track in enumerate(tracks):
            _write_tone(container, track, 220.0 * (number + 1), audio_s)
    return path


def _add_track(container: av.container.OutputContainer, encoder: str) -> av.AudioStream:
    track = container.add_stream(encoder, rate=48_000)
    assert isinstance(track, av.AudioStream)
    track.layout = "mono"
    track.metadata["language"] = "deu"
    return track


def _write_tone(container: av.container.OutputContainer, track: av.AudioStream, hertz: float, seconds: float) -> None:
    rate = 48_000
    wave = (8000 * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.int16)
    resampler = av.AudioResampler(format=track.format, layout="mono", rate=rate, frame_size=track.frame_size or 1024)
    frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        container.mux(track.encode(piece))
    container.mux(track.encode(None))


def frames_of(path: Path, pixel_format: str = "rgb24") -> list[av.VideoFrame]:
    """Every frame of a file, decoded by FFmpeg's own choice of decoder."""
    with av.open(path) as container:
        return list(container.decode(container.streams.video[0]))


def times_of(path: Path) -> list[float]:
    """When each frame is shown [s]."""
    return [float(frame.time or 0) for frame in frames_of(path)]

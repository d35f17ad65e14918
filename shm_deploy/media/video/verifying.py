"""Does a written video hold what it should? Everything is read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from shm_deploy.media.video.audio import TrackFact
from shm_deploy.media.video.colours import LIMITED, RGB, UNSPECIFIED, Tags, tags_of
from shm_deploy.media.video.reading import open_media
from shm_deploy.media.video.targets import Content, Target

MILLISECOND = Fraction(1, 1000)  # Matroska stores times in these
ALPHA_SLACK = 3.0  # levels of 255, mean of a frame: lossy codecs move it a little


@dataclass(kw_only=True)
class Expected:
    """What was handed to the writer, noted frame by frame."""

    size: tuple[int, int]  # (height, width) [px]
    tags: Tags  # that the result should carry
    times: list[Fraction] = field(default_factory=list)  # s
    alphas: list[float | None] = field(default_factory=list)  # mean of each frame, 0..255; None where not known
    tracks: tuple[TrackFact, ...] = ()

    def note(self, pixels: NDArray[np.uint8], pts: Fraction) -> None:
        """One frame: (H, W) alpha, (H, W, 3) opaque or (H, W, 4) with alpha."""
        self.times.append(pts)
        opaque = pixels.ndim == 3 and pixels.shape[2] == 3
        self.alphas.append(None if opaque else float((pixels if pixels.ndim == 2 else pixels[..., 3]).mean()))

    def note_copied(self, pts: Fraction) -> None:
        """One frame that an earlier run encoded."""
        self.times.append(pts)
        self.alphas.append(None)


def verify_file(path: Path, target: Target, expected: Expected) -> tuple[str, ...]:
    """Read a written file again and compare.

    Returns:
        One line for each thing that was lost; none where all is there.
    """
    with open_media(path) as container:
        frames = list(_looks(container, target))
        tags = frames[0].tags if frames else None
    with open_media(path) as container:  # anew: a seek goes to a picture, and passes over sound that lies before it
        num_packets = _audio_packets(container)
    lost = _compare_frames(frames, expected) + _compare_alphas(frames, expected, target.content)
    if tags is not None:
        lost += _compare_tags(tags, expected.tags, target)
    lost += _compare_audio(num_packets, expected.tracks)
    return tuple(lost)


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What is kept of a frame that was read again."""

    pts: Fraction  # s
    size: tuple[int, int]
    tags: Tags
    alpha: float | None  # mean, 0..255; None without an alpha plane


def _looks(container: av.container.InputContainer, target: Target) -> Iterator[_Look]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    # FFmpeg's own VP9 decoder drops alpha without a word.
    decoder: Any = None if target.decoder is None else av.CodecContext.create(target.decoder, "r")
    for packet in container.demux(stream):
        frames: list[Any] = packet.decode() if decoder is None else decoder.decode(packet)
        for frame in frames:
            time_base = stream.time_base or frame.time_base
            yield _Look(
                pts=(frame.pts or 0) * time_base,
                size=(frame.height, frame.width),
                tags=_tags(frame, stream),
                alpha=_mean_alpha(frame, target.content),
            )


def _tags(frame: av.VideoFrame, stream: av.VideoStream) -> Tags:
    """A frame's own tags; the container's where the frame says nothing, as behind a decoder that stands alone."""
    said, context = tags_of(frame), stream.codec_context
    return Tags(
        matrix=int(context.colorspace) if said.matrix == UNSPECIFIED else said.matrix,
        range=said.range or int(context.color_range),
        primaries=int(context.color_primaries) if said.primaries == UNSPECIFIED else said.primaries,
        transfer=int(context.color_trc) if said.transfer == UNSPECIFIED else said.transfer,
    )


def _mean_alpha(frame: av.VideoFrame, content: Content) -> float | None:
    if content is Content.OPAQUE:
        return None
    if content is Content.ALPHA:
        luma = np.frombuffer(memoryview(frame.planes[0]), np.uint8)
        return float(luma.reshape(frame.height, -1)[:, : frame.width].mean())
    if not any(component.is_alpha for component in frame.format.components):
        return None
    return float(frame.reformat(format="rgba").to_ndarray()[..., 3].mean())


def _compare_frames(found: list[_Look], expected: Expected) -> list[str]:
    lost = []
    if len(found) != len(expected.times):
        lost.append(f"frames: wrote {len(expected.times)}, the file has {len(found)}")
    pairs = list(zip(found, expected.times, strict=False))
    late = [abs(look.pts - pts) for look, pts in pairs]
    if late and max(late) > MILLISECOND:
        lost.append(f"times: frame {late.index(max(late))} is off by {float(max(late)):.4f} s")
    sizes = {look.size for look in found} - {expected.size}
    if sizes:
        lost.append(f"size: wanted {expected.size[1]}x{expected.size[0]} px, got {sizes}")
    return lost


def _compare_alphas(found: list[_Look], expected: Expected, content: Content) -> list[str]:
    if content is Content.OPAQUE:
        return []
    num_opaque = sum(look.alpha is None for look in found)
    if num_opaque:
        return [f"alpha: {num_opaque} frames have no alpha plane"]
    off = [
        (abs(look.alpha - wanted), number)
        for number, (look, wanted) in enumerate(zip(found, expected.alphas, strict=False))
        if look.alpha is not None and wanted is not None
    ]
    worst, number = max(off, default=(0.0, 0))
    return [f"alpha: the mean of frame {number} is off by {worst:.1f} of 255"] if worst > ALPHA_SLACK else []


def _compare_tags(found: Tags, wanted: Tags, target: Target) -> list[str]:
    """What the source did not say can't be lost; RGB pixels need neither matrix nor range."""
    lost = []
    for name in ("matrix", "range", "primaries", "transfer"):
        got, want = getattr(found, name), getattr(wanted, name)
        if name == "range":
            got = got or LIMITED  # what Y'CbCr is that does not say: H.264 often leaves it out
        unsaid = want == UNSPECIFIED if name != "range" else want == 0
        of_rgb = wanted.matrix == RGB and name in ("matrix", "range")
        if got != want and not unsaid and not of_rgb:
            lost.append(f"colours: wanted {name} {want} (H.273), the file says {got}")
    return lost


def _audio_packets(container: av.container.InputContainer) -> list[int]:
    counts = {stream.index: 0 for stream in container.streams.audio}
    if counts:
        for packet in container.demux(*container.streams.audio):
            if packet.size and (packet.pts is None or packet.pts >= 0):
                counts[packet.stream.index] += 1
    return list(counts.values())


def _compare_audio(found: list[int], wanted: tuple[TrackFact, ...]) -> list[str]:
    lost = []
    if len(found) != len(wanted):
        lost.append(f"audio: wanted {len(wanted)} tracks, the file has {len(found)}")
    for number, (count, track) in enumerate(zip(found, wanted, strict=False), start=1):
        if track.num_corrupt:
            lost.append(f"audio: {track.num_corrupt} packets of track {number} could not be decoded")
        wanted_count = track.num_packets if track.written_as == "copied" else min(track.num_packets, 1)
        if count < wanted_count:
            lost.append(f"audio: track {number} had {track.num_packets} packets, the file has {count}")
    return lost

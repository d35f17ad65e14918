"""What a result is written as: containers, encoders and pixel formats, by suffix and content."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from shm_deploy.errors import SpecError

# Pictures of a folder are never searched for these; a single input with such a name is a clip.
VIDEO_SUFFIXES = frozenset(
    (
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".m2ts",
        ".wmv",
        ".flv",
        ".3gp",
        ".ogv",
    )
)

CodecName = Literal["h264", "h265", "av1"]


class Content(enum.Enum):
    """What the frames of a result are."""

    CUTOUT = "cutout"  # RGBA
    ALPHA = "alpha"  # grey
    OPAQUE = "opaque"  # RGB


@dataclass(frozen=True, kw_only=True)
class Target:
    """How one kind of video file is written."""

    content: Content
    encoder: str  # FFmpeg's name
    pixel_format: str
    odd_pixel_format: str  # for sides that 4:2:0 can't halve
    options: Mapping[str, str]
    muxer_options: Mapping[str, str]
    transcoded_audio: str  # encoder for audio that the container does not take
    audio_before_zero: bool  # whether the container can hold it
    refused_audio: frozenset[str] = frozenset()  # codecs that it does not take, although FFmpeg lists them
    decoder: str | None = field(default=None)  # where the default one drops alpha
    codec_tag: str | None = field(default=None)  # where players want another than the muxer's own
    limited_range: bool = False  # whether the codec can't say that its range is full
    muxer: str | None = field(default=None)  # FFmpeg's name, where an address does not say it; None: by the suffix


@dataclass(frozen=True, kw_only=True)
class _Container:
    options: Mapping[str, str]
    audio: str
    audio_before_zero: bool
    refused_audio: frozenset[str] = frozenset()


# Every packet reaches the disk at once, so that what is there can be played, and resumed, whatever happens.
# Fragments while it is written, an ordinary file when it is closed. The header waits for the first fragment
# (delay_moov), because only then it can say that audio begins before zero.
_FRAGMENTED = MappingProxyType({"movflags": "+hybrid_fragmented+frag_keyframe+delay_moov", "flush_packets": "1"})
_MP4 = _Container(options=_FRAGMENTED, audio="aac", audio_before_zero=True)
_QUICKTIME = replace(_MP4, refused_audio=frozenset(("opus", "flac", "truehd")))  # "only supported in MP4"
_MATROSKA = _Container(options=MappingProxyType({"flush_packets": "1"}), audio="libopus", audio_before_zero=False)
_CONTAINERS = {".mp4": _MP4, ".m4v": _MP4, ".mov": _QUICKTIME, ".mkv": _MATROSKA, ".webm": _MATROSKA}


@dataclass(frozen=True, kw_only=True)
class _Encoder:
    name: str
    options: Mapping[str, str]
    pixel_format: str
    odd_pixel_format: str | None = None  # None: as the other
    decoder: str | None = None
    codec_tag: str | None = None
    limited_range: bool = False


# No B-frames: frames leave the encoder in order, and a file that was interrupted can go on at any keyframe.
_H264 = _Encoder(
    name="libx264",
    options=MappingProxyType({"preset": "veryfast", "crf": "18", "bf": "0"}),
    pixel_format="yuv420p",
    odd_pixel_format="yuv444p",
)
_H265 = _Encoder(
    name="libx265",
    options=MappingProxyType({"preset": "veryfast", "crf": "20", "x265-params": "log-level=error:bframes=0"}),
    pixel_format="yuv420p",
    odd_pixel_format="yuv444p",
    codec_tag="hvc1",  # Apple's players show no other
)
_AV1 = _Encoder(name="libsvtav1", options=MappingProxyType({"preset": "9", "crf": "26"}), pixel_format="yuv420p")
_VP9 = _Encoder(
    name="libvpx-vp9",
    # Hidden reference frames ahead of their time (alt-ref) are not possible with alpha.
    options=MappingProxyType(
        {"crf": "20", "b": "0", "deadline": "realtime", "cpu-used": "6", "row-mt": "1", "auto-alt-ref": "0"}
    ),
    pixel_format="yuv420p",
)
_VP9_ALPHA = _Encoder(name="libvpx-vp9", options=_VP9.options, pixel_format="yuva420p", decoder="libvpx-vp9")
_PRORES = _Encoder(
    name="prores_ks",
    options=MappingProxyType({"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}),
    pixel_format="yuva444p10le",
    limited_range=True,
)
_FFV1_OPTIONS = MappingProxyType({"level": "3", "slicecrc": "1"})
_FFV1_RGBA = _Encoder(name="ffv1", options=_FFV1_OPTIONS, pixel_format="bgra")
_FFV1_GREY = _Encoder(name="ffv1", options=_FFV1_OPTIONS, pixel_format="gray")
_BY_NAME: dict[CodecName, _Encoder] = {"h264": _H264, "h265": _H265, "av1": _AV1}


def is_clip(path: Path) -> bool:
    """Whether a file is taken for a video, by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def choose_target(output: Path, content: Content, codec: CodecName | None) -> Target:
    """How to write frames of this content to a file of this name.

    Args:
        output: its suffix says the container.
        content: cut-outs need one that holds alpha.
        codec: of opaque frames and alphas in `.mp4`, `.mov` and `.mkv`; None is H.264 (FFV1 for alphas in `.mkv`).

    Raises:
        SpecError: an unknown suffix, or a combination that does not exist; the message says which do.
    """
    suffix = output.suffix.lower()
    container = _CONTAINERS.get(suffix)
    if container is None:
        raise SpecError(
            f"got the output {output} for a video; wanted .mp4, .mov, .mkv, .webm, or a folder (frames/) for PNGs"
        )
    encoder = _encoder(suffix, content, codec)
    return Target(
        content=content,
        encoder=encoder.name,
        pixel_format=encoder.pixel_format,
        odd_pixel_format=encoder.odd_pixel_format or encoder.pixel_format,
        options=encoder.options,
        muxer_options=container.options,
        transcoded_audio=container.audio,
        refused_audio=container.refused_audio,
        audio_before_zero=container.audio_before_zero,
        decoder=encoder.decoder,
        codec_tag=encoder.codec_tag if container in (_MP4, _QUICKTIME) else None,
        limited_range=encoder.limited_range,
    )


def _encoder(suffix: str, content: Content, codec: CodecName | None) -> _Encoder:
    if content is Content.CUTOUT:
        if codec is not None:
            raise SpecError(f"got --codec {codec} for a cut-out; it is for opaque results: add --background or --alpha")
        match suffix:
            case ".mov":
                return _PRORES
            case ".webm":
                return _VP9_ALPHA
            case ".mkv":
                return _FFV1_RGBA
        raise SpecError(
            f"{suffix} has no alpha channel and a cut-out needs one: write .mov (ProRes 4444), .webm (VP9), .mkv "
            "(FFV1) or a folder of PNGs (frames/), or ask for an opaque result (--background, --alpha)"
        )
    if suffix == ".webm":
        if codec not in (None, "av1"):
            raise SpecError(f"got --codec {codec} for .webm; wanted av1, or nothing for VP9")
        return _VP9 if codec is None else _AV1
    if content is Content.ALPHA and suffix == ".mkv" and codec is None:
        return _FFV1_GREY
    return _BY_NAME[codec or "h264"]

"""Between decoded pictures (Y'CbCr of many kinds) and RGB arrays, by the tags that a clip carries."""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

# Numbers of ITU-T H.273, which FFmpeg uses too.
RGB, BT709, UNSPECIFIED, FCC, BT470BG, SMPTE170M, SMPTE240M, BT2020, BT2020_CONSTANT = 0, 1, 2, 4, 5, 6, 7, 9, 10
LIMITED, FULL = 1, 2  # ranges; 0 is unspecified

_MATRICES = {
    BT709: Colorspace.ITU709,
    FCC: Colorspace.FCC,
    BT470BG: Colorspace.ITU601,
    SMPTE170M: Colorspace.ITU601,
    SMPTE240M: Colorspace.SMPTE240M,
    BT2020: Colorspace.BT2020,
    BT2020_CONSTANT: Colorspace.BT2020,
}
HD_HEIGHT = 720  # px; players take untagged pictures from here on for BT.709, smaller ones for BT.601

# swscale's default truncates: a level too dark on average after decoding, and a wrong chroma phase. This is unbiased,
# for 4 ms more of a 720p frame.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True, kw_only=True)
class Tags:
    """How the numbers of a clip mean colours; each by its number in ITU-T H.273."""

    matrix: int
    range: int
    primaries: int
    transfer: int


def tags_of(frame: av.VideoFrame) -> Tags:
    """What a decoded frame says of itself."""
    return Tags(
        matrix=int(frame.colorspace),
        range=int(frame.color_range),
        primaries=int(frame.color_primaries),
        transfer=int(frame.color_trc),
    )


def rgb_of(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """A decoded frame as (H, W, 3) uint8 RGB, full range; transparency is dropped."""
    tags = tags_of(frame)
    converted = frame.reformat(
        format="rgb24",
        src_colorspace=_matrix(tags.matrix, frame.height),
        src_color_range=ColorRange.JPEG if tags.range == FULL else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=_EXACT,
    )
    return np.asarray(converted.to_ndarray(), np.uint8)


def frame_of(pixels: NDArray[np.uint8], pixel_format: str, tags: Tags) -> av.VideoFrame:
    """An array as a frame for an encoder.

    Args:
        pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, full range.
        pixel_format: FFmpeg's name.
        tags: what the frame shall be tagged with; its numbers follow from them.
    """
    kind = {2: "gray", 3: "rgb24", 4: "rgba"}[pixels.ndim if pixels.ndim == 2 else pixels.shape[2]]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=kind)
    converted = frame.reformat(
        format=pixel_format,
        dst_colorspace=_matrix(tags.matrix, frame.height),
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.JPEG if tags.range == FULL or kind == "gray" else ColorRange.MPEG,
        interpolation=_EXACT,
    )
    converted.colorspace, converted.color_range = tags.matrix, tags.range
    converted.color_primaries, converted.color_trc = tags.primaries, tags.transfer
    return converted


def _matrix(matrix: int, height: int) -> Colorspace:
    guess = Colorspace.ITU709 if height >= HD_HEIGHT else Colorspace.ITU601
    return _MATRICES.get(matrix, guess)

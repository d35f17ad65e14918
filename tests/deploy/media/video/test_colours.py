"""Numbers of pictures and what they mean."""

from __future__ import annotations

import av
import numpy as np
import pytest

from shm_deploy.media.video.colours import Tags, frame_of, rgb_of

# (matrix, range) and Y', Cb, Cr of pure red by ITU-R BT.709 and BT.601: Kr, -Kr / (2 - 2 Kb) and 1/2, scaled.
RED = {
    (1, 1): (16 + 219 * 0.2126, 128 - 224 * 0.2126 / 1.8556, 128 + 112),
    (1, 2): (255 * 0.2126, 128 - 255 * 0.2126 / 1.8556, 255),
    (6, 1): (16 + 219 * 0.299, 128 - 224 * 0.299 / 1.772, 128 + 112),
    (6, 2): (255 * 0.299, 128 - 255 * 0.299 / 1.772, 255),
}


@pytest.mark.parametrize(("matrix", "value_range"), RED)
def test_red_has_the_numbers_of_its_standard(matrix: int, value_range: int) -> None:
    """Both ways, within a rounding."""
    tags = Tags(matrix=matrix, range=value_range, primaries=1, transfer=1)
    red = np.full((32, 32, 3), (255, 0, 0), np.uint8)
    frame = frame_of(red, "yuv444p", tags)
    assert frame.to_ndarray()[:, 16, 16] == pytest.approx(RED[matrix, value_range], abs=1)
    assert np.abs(rgb_of(frame).astype(int) - red).max() <= 2


@pytest.mark.parametrize(("height", "matrix"), [(32, 6), (720, 1)])
def test_untagged_pictures_are_taken_as_players_take_them(height: int, matrix: int) -> None:
    """BT.601 for small ones, BT.709 for large ones, limited range."""
    planes = np.empty((3, height, 32), np.uint8)
    for plane, value in zip(planes, RED[matrix, 1], strict=True):
        plane[:] = round(value)
    frame = av.VideoFrame.from_ndarray(planes, format="yuv444p")
    frame.colorspace, frame.color_range = 2, 0
    assert np.abs(rgb_of(frame).astype(int) - (255, 0, 0)).max() <= 2


def test_conversions_have_no_bias() -> None:
    """There and back through 4:2:0, a smooth picture keeps its mean within a twentieth of a level."""
    y, x = np.mgrid[:128, :128]
    image = np.stack([x, y, (x + y) // 2], axis=-1).astype(np.uint8) + 60
    tags = Tags(matrix=1, range=1, primaries=1, transfer=1)
    back = rgb_of(frame_of(image, "yuv420p", tags))
    assert np.abs((back.astype(float) - image).mean(axis=(0, 1))).max() < 0.05


def test_grey_is_stored_as_it_is() -> None:
    """An alpha of 0..255 in the luma of 4:2:0, whatever the tags say."""
    alpha = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    frame = frame_of(alpha, "yuv420p", Tags(matrix=1, range=2, primaries=1, transfer=1))
    np.testing.assert_array_equal(frame.to_ndarray()[:64], alpha)

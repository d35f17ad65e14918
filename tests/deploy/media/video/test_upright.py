"""Turned frames."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from shm_deploy.media.video.upright import rotation_of, upright_rgb, upright_size
from tests.deploy.media.video import zoo


@pytest.mark.parametrize(
    ("rotation", "size", "red"),
    [(0, (64, 96), (32, 10)), (90, (96, 64), (85, 32)), (180, (64, 96), (32, 85)), (270, (96, 64), (10, 32))],
)
def test_left_of_a_stored_frame_goes_where_its_turn_says(
    rotation: int, size: tuple[int, int], red: tuple[int, int], tmp_path: Path
) -> None:
    """Red was left; counter-clockwise it is below, right, above."""
    source = zoo.write_clip(tmp_path / "source.mp4", times=zoo.STEADY[:1], rotation=rotation)
    with av.open(source) as container:
        frame = next(container.decode(video=0))
        assert rotation_of(frame) == rotation
        pixels = upright_rgb(frame, rotation)
    assert pixels.shape == (*size, 3)
    assert upright_size(frame, rotation) == size
    assert pixels[red].tolist() == pytest.approx(zoo.RED, abs=12)

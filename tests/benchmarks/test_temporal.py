"""The figures of steadiness, and scenes whose truth is known."""

import cv2
import numpy as np
import pytest

from benchmarks import temporal_scenes as scenes
from benchmarks.temporal import dtssd, flicker


def test_dtssd_is_the_error_of_the_change():
    """A constant error changes nothing; a quarter of the pixels that jump by 0.4 give sqrt(0.25 x 0.16) = 0.2."""
    truth = np.zeros((3, 2, 2), np.float32)
    assert dtssd(truth + 0.3, truth) == 0
    jumping = truth.copy()
    jumping[1:, 0, 0] = 0.4
    assert dtssd(jumping, truth) == pytest.approx(0.1)  # mean of 0.2 and 0
    assert flicker(jumping) == pytest.approx(0.05)


@pytest.fixture
def clip(tmp_path):
    """Twelve frames of a white square with alpha, and a background."""
    folder = tmp_path / "clip"
    folder.mkdir()
    layer = np.zeros((40, 60, 4), np.uint8)
    layer[10:30, 20:40] = 255
    for number in range(scenes.FIRST + 4):
        cv2.imwrite(str(folder / f"{number:05d}.png"), layer)
    cv2.imwrite(str(tmp_path / "ground.jpg"), np.full((100, 100, 3), 40, np.uint8))
    return folder


def test_person_drifts_and_the_truth_goes_along(clip):
    """1.7 px a frame, in the pictures as in the alphas."""
    sequence = scenes.moving(clip, clip.parent / "ground.jpg", 4)
    centres = [(alpha.sum(axis=0) * np.arange(60)).sum() / alpha.sum() for alpha in sequence.truth]
    assert np.diff(centres) == pytest.approx(scenes.DRIFT, abs=0.05)
    for frame, alpha in zip(sequence.frames, sequence.truth, strict=True):
        assert np.abs(frame.mean(axis=-1) - (255 * alpha + 40 * (1 - alpha))).mean() < 3


def test_still_differs_by_noise_alone(clip):
    """Every frame is new, their mean is the picture."""
    sequence = scenes.moving(clip, clip.parent / "ground.jpg", 4)
    still = scenes.still(sequence, 6)
    assert not np.array_equal(still.frames[0], still.frames[1])
    assert np.abs(still.frames.mean(axis=0) - sequence.frames[2]).mean() < 3
    assert (still.truth == sequence.truth[2]).all()

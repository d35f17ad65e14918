"""Sizes of the evaluation, and what it measures."""

import numpy as np
import pytest

from shm_train.evaluation.cases import Case, Scene
from shm_train.evaluation.judge import Contender, judge, mean_quality, predict_at, sweep
from shm_train.evaluation.methods import Prediction


def scene_of(height, width):
    truth = np.zeros((height, width), np.float32)
    truth[:, width // 2 :] = 1
    return Scene(np.zeros((height, width, 3), np.uint8), truth, np.ones((height, width), np.bool_))


def constant(value, seen):
    """A method that notes the size it saw."""

    def predict(image, truth):
        seen.append(truth.shape)
        assert image.shape[:2] == truth.shape
        plane = np.full(truth.shape, value, np.float32)
        return Prediction(plane, np.stack([plane] * 3), plane)

    return predict


def test_large_pictures_are_seen_at_1500_and_judged_at_their_own_size():
    """The paper's rule: 3000x1000 is seen at 1500x500."""
    seen = []
    found = predict_at(constant(0.5, seen), scene_of(1000, 3000))
    assert seen == [(500, 1500)]
    assert found.alpha.shape == (1000, 3000)
    assert found.trimap.shape == (3, 1000, 3000)


def test_a_sweep_sees_every_picture_at_one_size():
    """Up or down; the constant half is off by a half at any size."""
    seen = []
    case = Case("folder", ".", "a", lambda: scene_of(100, 200))
    found = list(sweep([Contender("half", constant(0.5, seen), 0.05)], [case], [80, 400]))
    assert seen == [(64, 80), (200, 400)]  # no side below 64
    assert found == [("half", 80, pytest.approx(0.5)), ("half", 400, pytest.approx(0.5))]


def test_the_mean_is_over_pictures():
    """Off by 0.5 and by 0.25 everywhere."""
    case = Case("folder", "here", "a", lambda: scene_of(64, 64))
    scene = case.scene()
    near = Prediction(np.where(scene.truth > 0, np.float32(0.75), np.float32(0.25)), None, None)
    far = Prediction(np.full((64, 64), 0.5, np.float32), None, None)
    contender = Contender("x", None, 0.05)
    found = [judge(contender, case, scene, prediction) for prediction in (near, far)]
    assert mean_quality(found).sad == pytest.approx(0.375)
    assert mean_quality(found).mse == pytest.approx((0.0625 + 0.25) / 2)
    assert found[0].row()["source"] == "here"

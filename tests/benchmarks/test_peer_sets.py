"""The pictures that models are compared on: held out, the same each time, and with the truth they claim."""

import cv2
import numpy as np
import pytest

from benchmarks.peer_sets import SETS, held_out_cases, upper_body
from shm_deploy.errors import SpecError
from shm_train.evaluation.cases import GROUNDS_PER_CUTOUT
from tests.benchmarks.small_pack import write_pack


def test_every_set_is_made_of_held_out_samples(tmp_path):
    """A cut-out stands before all its grounds; the mask serves whole and cropped; training's people are apart."""
    pack = write_pack(tmp_path)
    cases = held_out_cases(pack, None)
    assert [case.set_name for case in cases] == [
        *["soft"] * GROUNDS_PER_CUTOUT,
        *SETS[1:-1],
        *["seen"] * GROUNDS_PER_CUTOUT,
    ]
    assert all(("seen" in case.key) == (case.set_name == "seen") for case in cases)


def test_a_composite_is_its_parts_mixed_by_its_alpha(tmp_path):
    """Red over green: red and green are the alpha and the rest, and nothing else was changed."""
    for case in held_out_cases(write_pack(tmp_path), None)[:2]:
        scene = case.scene()
        assert scene.image.shape[:2] == scene.truth.shape == scene.sure.shape
        assert scene.sure.all()
        assert 0.02 < scene.truth.mean() < 0.98
        np.testing.assert_allclose(scene.image[..., 0], 255 * scene.truth, atol=4)  # JPEG and rounding
        np.testing.assert_allclose(scene.image[..., 1], 255 * (1 - scene.truth), atol=4)


def test_cases_are_the_same_each_time(tmp_path):
    """Two readings of one pack give equal pixels."""
    first, second = (held_out_cases(write_pack(tmp_path / name), None) for name in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.scene().image, other.scene().image)


def test_each_seed_lays_people_over_grounds_anew(tmp_path):
    """As many composites again, at other places."""
    pack = write_pack(tmp_path)
    cases = held_out_cases(pack, None, ["soft"], [20, 21])
    assert [case.set_name for case in cases] == ["soft"] * 2 * GROUNDS_PER_CUTOUT
    first, other = cases[0].scene().truth, cases[GROUNDS_PER_CUTOUT].scene().truth
    assert first.shape == other.shape
    assert np.abs(first - other).mean() > 0.01


def test_a_set_that_is_not_asked_for_costs_nothing(tmp_path, monkeypatch):
    """Upper bodies are found by reading every mask."""
    pack = write_pack(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(type(pack), "read", lambda *_: pytest.fail("a picture was read"))
        assert [case.set_name for case in held_out_cases(pack, None, ["empty"])] == ["empty"]


def test_a_set_without_pictures_is_an_error(tmp_path):
    """A mean of nothing is no result; without grounds there are no composites either."""
    with pytest.raises(SpecError, match="'soft'"):
        held_out_cases(write_pack(tmp_path, grounds=()), None)


def test_an_upper_body_is_the_upper_half_with_some_ground():
    """A figure of rows 100 to 499 and columns 300 to 399: 40 px more above and beside, and half its height."""
    alpha = np.zeros((600, 700), np.uint8)
    cv2.rectangle(alpha, (300, 100), (399, 499), 255, -1)
    assert upper_body(alpha) == (slice(60, 300), slice(260, 440))


@pytest.mark.parametrize(
    ("top_left", "bottom_right"),
    [((100, 100), (499, 299)), ((300, 100), (320, 299))],
    ids=["lies down", "is far away"],
)
def test_no_upper_body_of_a_figure_that(top_left, bottom_right):
    """A crop needs a standing figure and 128 px."""
    alpha = np.zeros((600, 700), np.uint8)
    cv2.rectangle(alpha, top_left, bottom_right, 255, -1)
    assert upper_body(alpha) is None


def test_nobody_has_no_upper_body():
    """An empty mask is not an error."""
    assert upper_body(np.zeros((600, 700), np.uint8)) is None

"""A model against its reference, with mattes that are known."""

import numpy as np
import pytest

from shm_deploy import spec
from shm_deploy.backends import Segmented
from shm_deploy.bench.parity import answers, compare_answers, count_broken, part_answers
from shm_deploy.bench.pictures import Picture
from tests.deploy.bench.fakes import RedBackend

TOLERANCE = spec.Tolerance(mean=0.05, p999=0.05)


def picture(red: int, *, alpha: float | None = None) -> Picture:
    pixels = np.full((80, 100, 3), red, np.uint8)
    return Picture(name="p", pixels=pixels, alpha=None if alpha is None else np.full((80, 100), alpha, np.float32))


def compare(engine: RedBackend, pictures: list[Picture], tolerance=TOLERANCE):
    size = (64, 96)
    got, wanted = answers(engine, pictures, size), answers(RedBackend(), pictures, size)
    return compare_answers(got, wanted, pictures, size, tolerance)


def test_equal_mattes_are_at_parity():
    """Every difference is zero."""
    row = compare(RedBackend(), [picture(10), picture(200)])
    assert row.passed
    assert (row.width, row.height, row.num_images) == (96, 64, 2)
    assert (row.difference.mean, row.difference.p999, row.difference.maximum, row.difference.num_nan) == (0, 0, 0, 0)
    assert row.against_reference.sad == 0
    assert row.quality is None


def test_a_difference_is_pooled_over_pictures():
    """51 levels on one picture; 51 clipped to 5 on a picture at 250: mean (0.2 + 5/255)/2, worst 0.2."""
    row = compare(RedBackend(offset=51), [picture(100), picture(250)])
    assert row.difference.mean == pytest.approx((51 + 5) / 255 / 2)
    assert row.difference.p999 == pytest.approx(0.2)
    assert row.difference.maximum == pytest.approx(0.2)
    assert row.against_reference.mse == pytest.approx((0.2**2 + (5 / 255) ** 2) / 2)
    assert not row.passed


def test_a_broken_softmax_fails_though_alphas_agree():
    """Three pixels of no class at all: they were NaN before they became bytes."""
    row = compare(RedBackend(num_broken=3), [picture(10), picture(20)])
    assert row.difference.maximum == 0
    assert row.difference.num_nan == 6
    assert not row.passed


def test_true_alphas_judge_both():
    """Truth is 51/255 above the reference and equal to the model."""
    row = compare(RedBackend(offset=51), [picture(51, alpha=102 / 255)])
    assert row.quality.sad == pytest.approx(0, abs=1e-6)
    assert row.reference_quality.sad == pytest.approx(0.2)


def test_frames_over_the_papers_limit_are_compared_as_the_network_sees_them():
    """3000x2000 becomes 1500x1000 before either runs."""
    backend = RedBackend()
    found = answers(backend, [picture(1)], (2000, 3000))
    assert backend.shapes == [(1, 1000, 1500, 3)]
    assert found[0].alpha.shape == (1000, 1500)


def test_small_frames_are_padded_for_the_graph_and_cropped_again():
    """The graph sees 64 px at least, the comparison only the picture."""
    backend = RedBackend()
    assert answers(backend, [picture(1)], (20, 70))[0].alpha.shape == (20, 70)
    assert backend.shapes == [(1, 64, 70, 3)]


def test_rounding_of_three_probabilities_is_not_broken():
    """Two roundings of three are off by 3 at most: 252 and 256 are sums of them, 0, 251 and 765 are not."""
    trimap = np.array(
        [[[85, 85, 86], [84, 84, 84]], [[0, 0, 0], [255, 255, 255]], [[84, 84, 83], [85, 85, 85]]], np.uint8
    )
    assert count_broken(trimap) == 3


def test_parts_are_compared_in_float():
    """Half a level of 8 bits is seen, and NaN counted."""

    class RedParts:
        def __init__(self, offset: float) -> None:
            self.offset = offset

        def tnet(self, image):
            return Segmented(image / 255)

        def mnet(self, image, trimap, features=None):
            return trimap[:, :1] + np.float32(self.offset)

        def fusion(self, trimap, alpha_raw):
            return alpha_raw

        def close(self):
            pass

    pictures, size = [picture(51)], (20, 64)
    wanted = part_answers(RedParts(0), pictures, size)
    assert wanted[0].alpha.shape == (20, 64)
    half_a_level = compare_answers(part_answers(RedParts(0.5 / 255), pictures, size), wanted, pictures, size, TOLERANCE)
    assert half_a_level.difference.mean == pytest.approx(0.5 / 255, rel=1e-4)
    broken = compare_answers(part_answers(RedParts(np.nan), pictures, size), wanted, pictures, size, TOLERANCE)
    assert broken.difference.num_nan == 20 * 64
    assert not broken.passed

"""Where an error lies."""

import numpy as np
import pytest

from shm_train.evaluation.regions import errors_by_distance, region_errors

SIDE = 100


def test_the_three_regions_add_up_to_the_sad():
    """Wherever the error lies."""
    rng = np.random.default_rng(0)
    truth = np.zeros((SIDE, SIDE), np.float32)
    truth[:, 50:] = 1
    alpha = rng.random((SIDE, SIDE), np.float32)
    found = region_errors(alpha, truth, 0.05)
    assert found.foreground + found.background + found.unknown == pytest.approx(np.abs(alpha - truth).mean(), rel=1e-5)


@pytest.mark.parametrize(("column", "region"), [(20, "background"), (50, "unknown"), (80, "foreground")])
def test_an_error_counts_where_it_lies(column, region):
    """Off by a half on 10 of 10,000 pixels; none of them at the image's border."""
    truth = np.zeros((SIDE, SIDE), np.float32)
    truth[:, 50:] = 1
    alpha = truth.copy()
    alpha[40:50, column] = 0.5
    found = region_errors(alpha, truth, 0.05)
    expected = {name: 0.0 for name in ("foreground", "background", "unknown", "border")} | {region: 10 * 0.5 / SIDE**2}
    assert vars(found) == pytest.approx(expected)


def test_the_border_is_three_percent_wide():
    """All wrong: on a square of 100 px, 100² - 94² pixels lie in the band."""
    found = region_errors(np.ones((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32), 0.05)
    assert found.border == pytest.approx((SIDE**2 - 94**2) / SIDE**2)
    assert found.background == 1


def test_an_error_by_distance_lies_in_one_band():
    """The edge between columns 49 and 50 is two pixels wide; 30 px from it are beyond a quarter of the side."""
    truth = np.zeros((SIDE, SIDE), np.float32)
    truth[:, 50:] = 1
    for column, band in ((50, 0), (53, 1), (60, 2), (80, 3)):
        alpha = truth.copy()
        alpha[:, column] = 0
        expected = [0.0] * 4
        expected[band] = 1 / SIDE
        assert errors_by_distance(alpha, truth, [0.05, 0.25]) == pytest.approx(expected)


def test_without_a_transition_all_error_is_beyond():
    """Nobody is there, and something was found."""
    found = errors_by_distance(np.full((SIDE, SIDE), 0.5, np.float32), np.zeros((SIDE, SIDE), np.float32), [0.05])
    assert found == [0, 0, 0.5]

"""Where an error lies."""

import numpy as np
import pytest

from shm_train.evaluation.regions import region_errors

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

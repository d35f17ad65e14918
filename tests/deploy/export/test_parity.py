"""The rows of a certificate."""

from __future__ import annotations

import json

import numpy as np
import pytest

from shm_deploy.export import parity
from shm_deploy.export.parity import Limits, Row
from shm_deploy.export.photographs import Photograph
from shm_deploy.spec import Tolerance
from tests.deploy.fakes import FakeBackend, FakeParts

LIMITS = Limits(alpha=Tolerance(mean=0.01, p999=0.1), metric=0.01)


def _row(expected: float, got: float, truth: float | None = None, limits: Limits = LIMITS) -> Row:
    shape = (20, 30)
    photograph = Photograph(
        name="a",
        image=np.zeros((*shape, 3), np.uint8),
        alpha=None if truth is None else np.full(shape, truth, np.float32),
    )
    alphas = [np.full(shape, got, np.float32)]
    (row,) = parity.compare([photograph], [np.full(shape, expected, np.float32)], alphas, "new", "old", limits)
    return row


def test_equal_alphas_pass() -> None:
    """Nothing differs, nothing fails."""
    row = _row(0.5, 0.5, truth=0.25)
    assert row.failures() == []
    assert row.record()["passed"] is True
    assert row.difference.maximum == 0


def test_a_difference_beyond_the_limit_is_told_with_both_numbers() -> None:
    """Mean 0.25 where 0.01 is allowed."""
    (failure,) = _row(0.5, 0.75).failures()
    assert "new on a" in failure
    assert "mean 2.50e-01 (limit 1.00e-02)" in failure


def test_nan_fails_and_is_counted() -> None:
    """NaN can't hide in a mean, and the metrics still come out."""
    row = _row(0.5, float("nan"), truth=0.5)
    assert row.difference.num_nan == 600
    assert row.failures()


def test_metrics_change_relative_to_the_reference() -> None:
    """SAD to a truth of 0.25: 0.5 for the reference, 0.375 for the candidate: a quarter less."""
    row = _row(0.75, 0.625, truth=0.25, limits=Limits(alpha=Tolerance(mean=1, p999=1), metric=0.01))
    assert row.metric_changes()["sad"] == pytest.approx(0.25)
    assert any("sad changes by 25.00%" in failure for failure in row.failures())


def test_without_a_truth_metrics_are_against_the_reference() -> None:
    """|Δα| is 0.125 everywhere, and there is no change to bound."""
    row = _row(0.5, 0.625)
    assert row.quality.sad == pytest.approx(0.125)
    assert row.metric_changes() == {}
    assert row.record()["quality_against"] == "reference"


def test_limits_of_none_bound_nothing() -> None:
    """Some rows are there to be read only."""
    free = Limits(alpha=Tolerance(mean=1, p999=1))
    assert _row(0.0, 1.0, truth=1.0, limits=free).failures() == []


def test_a_single_pixel_may_break_the_maximum() -> None:
    """One of 600 pixels is off by 2/255: neither the mean nor the bound of quantiles sees it."""
    photograph = Photograph(name="a", image=np.zeros((20, 30, 3), np.uint8), alpha=None)
    expected, got = np.zeros((20, 30), np.float32), np.zeros((20, 30), np.float32)
    got[3, 4] = 2 / 255
    limits = Limits(alpha=Tolerance(mean=1, p999=1), maximum=1 / 255)
    (row,) = parity.compare([photograph], [expected], [got], "new", "old", limits)
    assert any("max 7.84e-03 (limit 3.92e-03)" in failure for failure in row.failures())


def test_rows_can_be_stored() -> None:
    """A row is plain JSON, sizes by the names of their sides."""
    record = json.loads(json.dumps(_row(0.5, 0.5, truth=0.5).record()))
    assert (record["width"], record["height"]) == (30, 20)


def test_parts_run_one_behind_the_other(fake_parts: FakeParts) -> None:
    """The fake is unsure everywhere, so that its alpha is its raw alpha: the red channel over 255."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[...] = (51, 102, 153)
    np.testing.assert_allclose(parity.parts_alpha(fake_parts, image), 0.2, atol=1e-6)
    assert fake_parts.calls == ["tnet", "mnet", "fusion"]


def test_joined_alpha_is_in_steps_of_a_byte(fake_backend: FakeBackend) -> None:
    """The fake's alpha is the red channel."""
    image = np.zeros((64, 64, 3), np.uint8)
    image[..., 0] = 51
    np.testing.assert_allclose(parity.joined_alpha(fake_backend, image), 0.2, atol=1e-7)


def test_bytes_are_rounded_half_up() -> None:
    """As the joined graph does it: floor(x * 255 + 0.5)."""
    alpha = np.array([[0.0, 0.5 / 255, 0.49 / 255, 1.0]], np.float32)
    np.testing.assert_allclose(parity.in_bytes(alpha) * 255, [[0, 1, 0, 255]], atol=1e-5)

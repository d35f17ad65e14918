"""The four errors against values worked out by hand, and the ways in which such code usually goes wrong."""

from dataclasses import asdict

import numpy as np
import pytest

from shm_deploy.errors import SpecError
from shm_deploy.metrics import (
    AlphaDifference,
    compare_alphas,
    connectivity,
    gradient,
    mse,
    quality,
    sad,
    unit_alpha,
)
from shm_deploy.spec import Tolerance

ERRORS = [sad, mse, gradient, connectivity]
FLOATS = [np.float32, np.float64]


def flat(value: float, size: tuple[int, int] = (5, 6), dtype=np.float64) -> np.ndarray:
    return np.full(size, value, dtype)


def impulse(height: int, width: int, x: int, value: float) -> np.ndarray:
    alpha = np.zeros((height, width))
    alpha[height // 2, x] = value
    return alpha


# ------------------------------------------------------------------------------------------------ all four


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_an_alpha_has_no_error_against_itself(error, dtype):
    """Zero is perfect, in either float type."""
    alpha = np.random.default_rng(0).random((17, 23)).astype(dtype)
    assert error(alpha, alpha) == 0


@pytest.mark.parametrize("error", ERRORS)
def test_errors_are_symmetric_in_their_arguments(error):
    """Swapping predicted and true changes nothing."""
    random = np.random.default_rng(1)
    a, b = random.random((17, 23)), random.random((17, 23))
    assert error(a, b) == pytest.approx(error(b, a), rel=1e-12)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize(
    ("alpha", "words"),
    [
        (np.zeros((4, 4), np.uint8), "uint8"),
        (np.zeros((4, 4), np.float16), "float16"),
        ([[0.0, 1.0]], "list"),
        (np.zeros((4, 4, 1)), r"\(4, 4, 1\)"),
        (np.zeros((4, 5)), r"\(4, 5\)"),
        (np.zeros((0, 4)), "without a pixel"),
        (flat(1.001, (4, 4)), "1.001"),
        (flat(-0.001, (4, 4)), "-0.001"),
        (flat(np.nan, (4, 4)), "16 NaN"),
        (flat(np.inf, (4, 4)), "inf"),
    ],
    ids=["uint8", "float16", "list", "channels", "other size", "empty", "above 1", "below 0", "NaN", "inf"],
)
def test_a_bad_alpha_is_refused_on_either_side(error, alpha, words):
    """A byte alpha would wrap around, a NaN would vanish in a comparison: both are errors that say what came."""
    with pytest.raises(SpecError, match=words):
        error(alpha, np.zeros((4, 4)))
    with pytest.raises(SpecError, match=words):
        error(np.zeros((4, 4)), alpha)


def test_inputs_are_left_alone():
    """No error writes into its arguments."""
    a, b = flat(0.25), flat(0.5)
    quality(a, b)
    assert (a == 0.25).all()
    assert (b == 0.5).all()


def test_quality_holds_the_four_errors():
    """One call gives what the four give: 0.25 and 0.5 agree up to level 0.2, so φ is 1 and 1 - 0.3."""
    result = quality(flat(0.25), flat(0.5))
    assert asdict(result) == pytest.approx({"sad": 0.25, "mse": 0.0625, "gradient": 0, "connectivity": 0.3})


# ------------------------------------------------------------------------------------------------ SAD and MSE


def test_sad_and_mse_divide_by_the_whole_image():
    """Two of eight pixels are off by 0.5 and 0.25: sums 0.75 and 0.3125, over 8, not over the two."""
    true = np.array([[0.0, 0.5, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0]])
    predicted = np.array([[0.0, 1.0, 0.25, 1.0], [0.0, 0.0, 1.0, 1.0]])
    assert sad(predicted, true) == 0.75 / 8
    assert mse(predicted, true) == 0.3125 / 8


def test_sad_does_not_wrap_around():
    """51 - 255 is -204, not 52."""
    assert sad(unit_alpha(flat(51, dtype=np.uint8)), unit_alpha(flat(255, dtype=np.uint8))) == pytest.approx(0.8)


# ------------------------------------------------------------------------------------------------ Gradient


def test_gradient_of_one_pixel_shows_kernels_of_unit_norm():
    """An impulse a makes each of two kernels appear: squares sum to 2 a², here 0.5, over 31 x 41 pixels."""
    predicted = impulse(31, 41, 20, 0.5)
    assert gradient(predicted, np.zeros((31, 41))) == pytest.approx(0.5 / (31 * 41), rel=1e-9)


def test_gradient_kernels_reach_four_pixels():
    """σ 1.4 gives a half size of ceil(3.62) = 4: impulses 9 apart do not meet, 8 apart they do."""
    apart_9 = gradient(impulse(31, 41, 12, 1), impulse(31, 41, 21, 1))
    apart_8 = gradient(impulse(31, 41, 12, 1), impulse(31, 41, 20, 1))
    assert apart_9 == pytest.approx(4 / (31 * 41), rel=1e-9)
    assert apart_8 < apart_9 * (1 - 1e-7)


@pytest.mark.parametrize("transposed", [False, True])
def test_gradient_of_a_step_is_the_value_worked_out_by_hand(transposed):
    """Per row, 2 Σ (S·C_k)²: S the Gaussian's sum over its norm, C_k the derivative's sum from k on, k = 1..4, over
    its norm. S·C_k = 2.661997, 1.556191, 0.527368, 0.096360; the step runs along 20 rows of 40 pixels."""
    step = np.zeros((20, 40))
    step[:, 20:] = 1
    flat_one = np.zeros((20, 40))
    if transposed:
        step, flat_one = step.T, flat_one.T
    assert gradient(step, flat_one) == pytest.approx(19.590716006416 / 40, rel=1e-9)


def test_gradient_sees_no_edge_at_the_border():
    """The border is replicated: an alpha of 1 everywhere is as flat as one of 0."""
    assert gradient(flat(1.0, (12, 12)), flat(0.0, (12, 12))) == pytest.approx(0, abs=1e-24)


def test_gradient_compares_magnitudes_not_directions():
    """A step and its negative have the same gradient everywhere."""
    step = np.zeros((20, 20))
    step[:, 10:] = 1
    assert gradient(step, 1 - step) == pytest.approx(0, abs=1e-20)


def test_gradient_works_on_images_smaller_than_its_kernel():
    """The border is replicated as far as needed."""
    assert gradient(flat(0.3, (2, 3)), flat(0.7, (2, 3))) == pytest.approx(0, abs=1e-20)


# ------------------------------------------------------------------------------------------------ Connectivity


def test_connectivity_of_flat_alphas():
    """0.3 and 0.5 agree up to 0.3: distances 0, and 0.2 above the slack, so φ 1 and 0.8."""
    assert connectivity(flat(0.3), flat(0.5)) == pytest.approx(0.2)


def test_connectivity_forgives_less_than_its_slack():
    """Above the common level 0.2 lie 0.14 (forgiven) and 0.15 (not)."""
    assert connectivity(flat(0.34), flat(0.2)) == 0
    assert connectivity(flat(0.35), flat(0.2)) == pytest.approx(0.15)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("tenths", [1, 2, 3, 4, 5, 6, 7, 8])
def test_connectivity_thresholds_are_exact_tenths(tenths, dtype):
    """An alpha of 0.3 reaches the threshold 0.3, though 0.1 + 0.1 + 0.1 is more and float32's 0.7 is less than 0.7."""
    low, high = flat(tenths / 10, dtype=dtype), flat(tenths / 10 + 0.18, dtype=dtype)
    assert connectivity(low, high) == pytest.approx(0.18, abs=1e-6)


def test_connectivity_is_not_fooled_by_bytes():
    """51 / 255 and 51 * (1 / 255) are both 0.2."""
    by_quotient, by_factor = flat(51 / 255), flat(51, dtype=np.float32) * np.float32(1 / 255)
    assert connectivity(by_quotient, flat(0.35)) == pytest.approx(0.15)
    assert connectivity(by_factor, flat(0.35, dtype=np.float32)) == pytest.approx(0.15, abs=1e-6)


def test_connectivity_goes_by_edges_not_corners():
    """A pixel that touches the body only at its corner is loose: φ 0.4 and 0.5, over 25 pixels. Connected by its
    corner it would be at level 0.5, with both φ 1."""
    predicted, true = np.zeros((5, 5)), np.zeros((5, 5))
    predicted[:2, :2] = true[:2, :2] = 1
    predicted[2, 2], true[2, 2] = 0.6, 0.5
    assert connectivity(predicted, true) == pytest.approx(0.1 / 25)


def test_connectivity_takes_the_largest_region():
    """Six and two pixels apart: the two are loose, φ 0.3 against 0, over 20."""
    predicted, true = np.zeros((4, 5)), np.zeros((4, 5))
    predicted[:3, :2] = true[:3, :2] = 1
    predicted[:2, 4], true[:2, 4] = 0.7, 1
    assert connectivity(predicted, true) == pytest.approx(2 * 0.3 / 20)


def test_connectivity_counts_a_pixel_from_where_it_was_first_cut_off():
    """The larger region at 0.1 is the left one. Above 0.5 the right one is the larger, but it has been cut off since
    0.1: its level stays 0, so φ is 0.4 (predicted 0.6) and 0.2 (true 0.8) on three of 32 pixels. The left one's
    level is 0.5 in both: no difference."""
    predicted, true = np.zeros((4, 8)), np.zeros((4, 8))
    predicted[:, :4] = true[:, :4] = 0.5
    predicted[:3, 6], true[:3, 6] = 0.6, 0.8
    assert connectivity(predicted, true) == pytest.approx(3 * 0.2 / 32)


def test_connectivity_of_disjoint_alphas():
    """Nothing in common: the empty intersection is not a body. Every pixel is 1 in one and 0 in the other."""
    predicted, true = np.zeros((4, 6)), np.zeros((4, 6))
    predicted[:, :3] = true[:, 3:] = 1
    assert connectivity(predicted, true) == 1


def test_connectivity_of_an_empty_room_that_is_seen_as_one():
    """Two alphas of zero agree."""
    assert connectivity(flat(0.0), flat(0.0)) == 0


def test_connectivity_of_a_ghost_is_its_alpha():
    """True 0, predicted 0.4: level 0, φ 0.6 against 1."""
    assert connectivity(flat(0.4), flat(0.0)) == pytest.approx(0.4)


# ------------------------------------------------------------------------------------------------ comparison


def test_difference_of_two_alphas():
    """999 pixels equal, one off by 0.5: mean 0.0005, maximum 0.5, and 99.9 % lie almost wholly at 0."""
    a, b = np.zeros((1000,), np.float32), np.zeros((1000,), np.float32)
    b[17] = 0.5
    difference = compare_alphas(a, b)
    assert difference.mean == pytest.approx(0.0005)
    assert difference.maximum == 0.5
    assert difference.p999 == pytest.approx(0.0005, rel=1e-6)  # position 998.001 of 0..999, interpolated
    assert difference.num_nan == 0


def test_difference_takes_any_shape():
    """Batches with channels, as the parts give them, are compared as they are."""
    a = np.zeros((2, 1, 3, 4), np.float32)
    assert compare_alphas(a, a + np.float32(0.25)) == AlphaDifference(mean=0.25, p999=0.25, maximum=0.25, num_nan=0)


def test_a_pixel_that_is_no_number_counts_as_wholly_wrong():
    """NaN on either side and infinity are counted, and never pass a tolerance, however wide."""
    a, b = np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32)
    a[0, 0] = b[0, 1] = np.nan
    a[1, 0] = np.inf
    difference = compare_alphas(a, b)
    assert difference.num_nan == 3
    assert difference.mean == 0.75
    assert difference.maximum == 1
    assert not difference.within(Tolerance(mean=1, p999=1))


@pytest.mark.parametrize(
    ("tolerance", "holds"),
    [
        (Tolerance(mean=0.01, p999=0.02), True),
        (Tolerance(mean=0.009, p999=0.02), False),
        (Tolerance(mean=0.01, p999=0.019), False),
    ],
    ids=["both hold", "mean breaks", "p99.9 breaks"],
)
def test_a_tolerance_bounds_mean_and_tail(tolerance, holds):
    """Both bounds are inclusive and both must hold."""
    assert AlphaDifference(mean=0.01, p999=0.02, maximum=0.9, num_nan=0).within(tolerance) is holds


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), "unit_alpha"),
        (np.zeros((2, 2)), np.zeros((2, 3)), r"\(2, 3\)"),
        (np.zeros((2, 2)), np.zeros((2, 1)), r"\(2, 1\)"),
        (np.zeros((0,)), np.zeros((0,)), "without a pixel"),
    ],
    ids=["bytes", "other size", "broadcastable", "empty"],
)
def test_alphas_that_do_not_compare_are_refused(a, b, words):
    """Shapes never broadcast, bytes never wrap around."""
    with pytest.raises(SpecError, match=words):
        compare_alphas(a, b)

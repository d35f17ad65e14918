"""The guided filter that draws alpha at the frame's size."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from shm_train.networks.guided import GuidedFilter, Symmetric, draw, solve

PLACE = 2  # side of a place in these pictures [px]


@pytest.fixture
def rng() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def filtered(image: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """Alpha at the image's size, from that at its places."""
    return draw(image, coefficients_of(image, alpha, weight))


def coefficients_of(image: Tensor, alpha: Tensor, weight: Tensor) -> Tensor:
    """Alpha and weight (N, 1, H, W), a value for each place; nothing is moved towards squares' own means."""
    return fitted(places(image), alpha, weight, share=0.0)


def fitted(image: Tensor, alpha: Tensor, weight: Tensor, share: float) -> Tensor:
    """Coefficients from a pixel, an alpha and a weight of each place, by one share of all squares."""
    own_alpha, own_weight = F.pixel_unshuffle(alpha, 2), F.pixel_unshuffle(weight, 2)
    return GuidedFilter()(image, own_alpha, own_weight, torch.full_like(own_alpha[:, :1], share))


def places(image: Tensor) -> Tensor:
    """Means over places."""
    return F.avg_pool2d(image, PLACE)


def test_alpha_that_is_linear_in_colour_comes_back_at_every_pixel(rng: torch.Generator) -> None:
    """From its means over places alone: what the mean takes away, colour says."""
    colours = torch.rand(2, 3, 8, 12, generator=rng).repeat_interleave(4, 2).repeat_interleave(4, 3)
    image = (0.5 * colours + 0.5 * torch.rand(2, 3, 32, 48, generator=rng)) * 255
    alpha = 0.2 + (torch.tensor([0.3, -0.4, 0.5]).view(1, 3, 1, 1) * image / 255).sum(dim=1, keepdim=True)
    found = filtered(image, places(alpha), torch.ones(2, 1, 16, 24))
    torch.testing.assert_close(found, alpha, atol=0.06, rtol=0)  # epsilon draws slopes towards zero
    assert (places(alpha).repeat_interleave(PLACE, 2).repeat_interleave(PLACE, 3) - alpha).abs().max() > 0.2


def test_slopes_and_offset_are_those_of_weighted_ridge_regression(rng: torch.Generator) -> None:
    """At every square, the border's too, by the closed form of each window's normal equations in float64."""
    image = torch.rand(1, 3, 14, 18, generator=rng) * 255
    alpha, weight = torch.rand(2, 1, 1, 14, 18, generator=rng)
    coefficients = fitted(image, alpha, weight, share=0.0)
    for row in range(7):
        for column in range(9):
            window = np.s_[2 * max(row - 1, 0) : 2 * (row + 2), 2 * max(column - 1, 0) : 2 * (column + 2)]
            colour = image[0].numpy()[:, *window] / 255
            expected = ridge(colour, alpha[0, 0].numpy()[window], weight[0, 0].numpy()[window])
            found = coefficients[0, :, row, column].numpy() * [255, 255, 255, 1]
            np.testing.assert_allclose(found, expected, atol=2e-4)


def ridge(colour: NDArray[np.float32], alpha: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float64]:
    """Slopes (3,) and offset of one window, (3, h, w) and (h, w)."""
    inputs = np.concatenate([colour.reshape(3, -1), np.ones((1, alpha.size))]).astype(np.float64)
    by_weight = inputs * weight.ravel()
    penalty = np.diag([GuidedFilter.EPSILON * weight.sum(dtype=np.float64)] * 3 + [0.0])
    return np.linalg.solve(by_weight @ inputs.T + penalty, by_weight @ alpha.ravel().astype(np.float64))


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_share_moves_squares_towards_their_own_mean_alpha(rng: torch.Generator, share: float) -> None:
    """At a square's mean colour, and by the same amount at every other one: slopes stay."""
    image = torch.rand(1, 3, 14, 18, generator=rng) * 255
    alpha, weight = torch.rand(2, 1, 1, 14, 18, generator=rng)
    before, after = (fitted(image, alpha, weight, each) for each in (0.0, share))
    torch.testing.assert_close(after[:, :3], before[:, :3], atol=0, rtol=0)
    read = [draw(places(image), coefficients) for coefficients in (before, after)]
    torch.testing.assert_close(read[1], torch.lerp(read[0], places(alpha), share), atol=1e-5, rtol=0)


def test_coefficients_are_read_at_any_size(rng: torch.Generator) -> None:
    """A frame three times as large as what they were found on gets the same alpha, three times as large."""
    image = torch.rand(1, 3, 32, 48, generator=rng) * 255
    alpha = torch.rand(1, 1, 16, 24, generator=rng)
    coefficients = coefficients_of(image, alpha, torch.ones_like(alpha))
    large = torch.nn.functional.interpolate(image, scale_factor=3, mode="nearest")
    centres = draw(large, coefficients)[..., 1::3, 1::3]
    torch.testing.assert_close(centres, draw(image, coefficients), atol=1e-5, rtol=0)


def test_a_place_without_weight_has_no_say(rng: torch.Generator) -> None:
    image = torch.rand(1, 3, 40, 40, generator=rng) * 255
    alpha, weight = places(image)[:, :1] / 255, torch.ones(1, 1, 20, 20)
    wrong, doubted = alpha.clone(), weight.clone()
    wrong[..., 5, 5] = 30.0
    doubted[..., 5, 5] = 1e-6
    expected = filtered(image, alpha, weight)
    assert (filtered(image, wrong, weight) - expected).abs().max() > 1
    torch.testing.assert_close(filtered(image, wrong, doubted), expected, atol=0.06, rtol=0)


def test_on_one_colour_alpha_is_smoothed() -> None:
    """There colour says nothing: each square gets its window's mean, and nothing explodes."""
    alpha = torch.zeros(1, 1, 24, 24)
    alpha[..., 12:] = 1
    found = filtered(torch.full((1, 3, 48, 48), 128.0), alpha, torch.ones_like(alpha))
    assert found.min() >= -1e-4
    assert found.max() <= 1 + 1e-4
    assert found[0, 0, 24, 26].item() == pytest.approx(2 / 3, abs=0.1)


def test_an_edge_within_places_is_drawn_at_its_pixel() -> None:
    """A step of colour at a column that no place begins at."""
    image = torch.zeros(1, 3, 48, 48)
    image[..., 23:] = 200.0
    truth = (image[:, :1] > 0).float()
    found = filtered(image, places(truth), torch.ones(1, 1, 24, 24))
    torch.testing.assert_close(found, truth, atol=0.01, rtol=0)


def test_half_tensors_are_taken_and_floats_given(rng: torch.Generator) -> None:
    image = torch.rand(1, 3, 32, 32, generator=rng) * 255
    alpha = places(image)[:, :1] / 255
    found = filtered(image, alpha.half(), torch.ones_like(alpha).half())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, filtered(image, alpha, torch.ones_like(alpha)), atol=0.05, rtol=0)


@pytest.mark.parametrize("least", [1e-5, 1e-2], ids=["nearly-singular", "well-conditioned"])
def test_solve_agrees_with_a_library(least: float, rng: torch.Generator) -> None:
    """Also where colours lie on one line, as at most edges: two of three eigenvalues are the least one."""
    direction = torch.rand(50, 3, 1, generator=rng)
    matrices = direction @ direction.mT + least * torch.eye(3)
    right = torch.rand(50, 3, generator=rng)
    entries = Symmetric(*(matrices[:, row, column] for row in range(3) for column in range(row, 3)))
    found = torch.stack(solve(entries, (right[:, 0], right[:, 1], right[:, 2]), least), dim=-1)
    expected = torch.linalg.solve(matrices.double(), right.double())
    error = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert error.max() < 1e-6 / least

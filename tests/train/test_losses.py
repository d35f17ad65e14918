"""The losses, against numbers worked out by hand."""

import math

import pytest
import torch

from shm_train.losses import (
    absolute_loss,
    coarse_loss,
    colour_contrast,
    gradient_loss,
    known_region_loss,
    prediction_loss,
    trimap_loss,
)


def plane(*values):
    """(1, 1, 1, W)."""
    return torch.tensor(values, dtype=torch.float32).view(1, 1, 1, -1)


def colours(*values):
    """(1, 3, 1, W), grey."""
    return plane(*values).expand(1, 3, 1, -1)


def test_prediction_loss_is_equation_five():
    """Off by 0.2 where F - B is full and by 0.4 where F = B: 0.5 (0.2 + 0.4) / 2 + 0.5 (0.2 * 1 + 0.4 * 0) / 2."""
    contrast = colour_contrast(colours(255, 90), colours(0, 90))
    loss = prediction_loss(plane(0.7, 0.1), plane(0.5, 0.5), contrast, plane(1, 1), gamma=0.5)
    assert loss.item() == pytest.approx(0.15 + 0.05)


def test_prediction_loss_by_gamma_one_is_the_mean_difference_of_alphas():
    """The first term of Eq. 5 alone."""
    contrast = colour_contrast(colours(255, 90), colours(0, 90))
    loss = prediction_loss(plane(0.7, 0.1), plane(0.5, 0.5), contrast, plane(1, 1), gamma=1)
    assert loss.item() == pytest.approx(0.3)


def test_contrast_is_the_mean_difference_of_colours():
    """Of 51, -102 and 255 levels in 8 bit, which alone would wrap: (0.2 + 0.4 + 1) / 3."""
    foreground, background = (
        torch.tensor(each, dtype=torch.uint8).view(1, 3, 1, 1) for each in ([61, 0, 255], [10, 102, 0])
    )
    assert colour_contrast(foreground, background).item() == pytest.approx(1.6 / 3)


def test_unsure_pixels_do_not_count_in_the_prediction_loss():
    """The second pixel is wrong, but its truth is not to be trusted."""
    loss = prediction_loss(plane(0.7, 0.0), plane(0.5, 1.0), plane(0, 0), plane(1, 0), gamma=1)
    assert loss.item() == pytest.approx(0.2)


def test_trimap_loss_is_the_cross_entropy():
    """Softmax 1/2, 1/4, 1/4: ln 2 where foreground is true, ln 4 where unknown is."""
    logits = torch.tensor([math.log(2), 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    truth = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 1.0]]])[None]
    loss = trimap_loss(logits, truth, torch.ones(1, 1, 1, 2))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_trimap_loss_of_small_logits_takes_means_of_the_truth():
    """One logit over two true pixels, one of each class: the mean of both entropies."""
    logits = torch.tensor([math.log(2), 0.0, 0.0]).view(1, 3, 1, 1)
    truth = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 1.0]]])[None]
    loss = trimap_loss(logits, truth, torch.ones(1, 1, 1, 2))
    assert loss.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_trimap_loss_of_nothing_sure_is_zero():
    """No division by zero, no push anywhere."""
    loss = trimap_loss(torch.randn(1, 3, 1, 2), torch.full((1, 3, 1, 2), 1 / 3), torch.zeros(1, 1, 1, 2))
    assert loss.item() == 0


def test_known_region_loss_is_zero_where_the_trimap_allows_the_truth():
    """Unknown everywhere allows every alpha; sure foreground allows only 1."""
    unknown = torch.tensor([0.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    foreground = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    truth, sure = plane(0.3, 0.8), plane(1, 1)
    assert known_region_loss(unknown, truth, sure).item() == 0
    assert known_region_loss(foreground, truth, sure).item() == pytest.approx((0.7 + 0.2) / 2)


def test_gradient_loss_is_the_error_of_the_steps_that_count():
    """Steps are off by 1 - 0.5 and 0 - 0.5; the second does not count, and two pixels do: 0.5 / 2."""
    loss = gradient_loss(plane(0, 1, 1), plane(0, 0.5, 1), plane(1, 1, 0))
    assert loss.item() == pytest.approx(0.25)


def test_gradient_loss_ignores_an_offset():
    """An alpha that is off by the same everywhere has the right gradient, across and down."""
    truth = torch.rand(1, 1, 4, 4)
    assert gradient_loss(truth + 0.25, truth, torch.ones(1, 1, 4, 4)).item() == pytest.approx(0, abs=1e-6)


def test_coarse_loss_compares_means_of_its_places():
    """Three places of two pixels: half unknown, off by 0.25; known, off by 0.3 at a tenth; not sure of, left out."""
    truth, sure = plane(0.5, 1, 1, 1, 0, 0), plane(1, 1, 1, 1, 0, 0)
    loss = coarse_loss(plane(0.5, 0.7, 9), truth, plane(1, 0, 0, 0, 0, 0), sure, known=0.1)
    assert loss.item() == pytest.approx((0.55 * 0.25 + 0.1 * 0.3) / 1)  # weights below 1 in all count as 1


def test_coarse_loss_of_the_unknown_region_alone():
    """A place without an unknown pixel counts nothing; three unknown ones are off by 0.5."""
    ones = torch.ones(1, 1, 2, 8)
    unknown = ones.clone()
    unknown[..., 6:] = 0
    loss = coarse_loss(torch.tensor([0.5, 0.5, 0.5, 9.0]).view(1, 1, 1, 4), ones, unknown, ones, known=0)
    assert loss.item() == pytest.approx(0.5)


def test_absolute_loss_compares_means_of_sure_pixels_at_the_predictions_size():
    """One prediction over two pixels, one of them unsure: only the other is its truth."""
    assert absolute_loss(plane(0.5), plane(0.9, 0.1), plane(1, 1)).item() == pytest.approx(0)
    assert absolute_loss(plane(0.5), plane(0.9, 0.1), plane(1, 0)).item() == pytest.approx(0.4 * 0.5 / 1)

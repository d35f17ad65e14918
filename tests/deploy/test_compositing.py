"""Foreground colours and composites of pictures whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy.compositing import composite, cut_out, estimate_foreground
from shm_deploy.errors import SpecError

RED, GREEN = (200, 30, 40), (20, 180, 60)


def soft_disc(height: int, width: int) -> NDArray[np.uint8]:
    """Alpha 255 in the middle, falling to 0 over a ring of 20 px."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(y - height / 2, x - width / 2)
    return np.asarray(np.rint(np.clip((height / 4 - distance) / 20 + 0.5, 0, 1) * 255), np.uint8)


def filled(alpha: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) of one colour."""
    return np.full((*alpha.shape, 3), colour, np.uint8)


@pytest.mark.parametrize("size", [(200, 300), (201, 37)], ids=str)
def test_old_background_is_taken_out_of_partial_pixels(size: tuple[int, int]) -> None:
    """A red disc over green: the estimate is three times nearer to red than the image is, and exact inside."""
    alpha = soft_disc(*size)
    red = filled(alpha, RED)
    image = composite(red, alpha, filled(alpha, GREEN))
    estimate = estimate_foreground(image, alpha)
    partial = (alpha > 30) & (alpha < 255)
    error, error_of_image = (np.abs(x.astype(int) - red)[partial].mean() for x in (estimate, image))
    assert error < error_of_image / 3
    np.testing.assert_array_equal(estimate[alpha == 255], image[alpha == 255])


def test_known_foregrounds_stay() -> None:
    """Alpha 255 everywhere gives the image, 0 everywhere gives nothing of it."""
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    np.testing.assert_array_equal(estimate_foreground(image, np.full((40, 50), 255, np.uint8)), image)
    assert not estimate_foreground(image, np.zeros((40, 50), np.uint8)).any()


def test_panorama_is_estimated_as_its_parts_are() -> None:
    """33,000 px of edge in one row, more than OpenCV remaps at once; one colour everywhere stays what it is."""
    alpha = np.full((20, 33_000), 128, np.uint8)
    np.testing.assert_array_equal(estimate_foreground(filled(alpha, RED), alpha), filled(alpha, RED))


def test_cut_out_is_colours_and_alpha() -> None:
    """Four channels, the last one alpha."""
    alpha = soft_disc(64, 64)
    image = filled(alpha, RED)
    rgba = cut_out(image, alpha)
    np.testing.assert_array_equal(rgba[..., :3], estimate_foreground(image, alpha))
    np.testing.assert_array_equal(rgba[..., 3], alpha)


def test_composite_blends_by_alpha() -> None:
    """51/255 of 200 over 100 is 120; the ends are exact; one colour will do for a background."""
    alpha = np.array([[0, 51, 255]], np.uint8)
    foreground = np.full((1, 3, 3), 200, np.uint8)
    assert composite(foreground, alpha, np.full((1, 3, 3), 100, np.uint8))[0, :, 0].tolist() == [100, 120, 200]
    assert composite(foreground, alpha, np.array([100, 100, 100], np.uint8))[0, :, 2].tolist() == [100, 120, 200]


def test_composite_is_equation_one_at_every_pixel() -> None:
    """To the nearest byte, within the edges and far from them; three discs, so that edges have gaps between them."""
    alpha = np.hstack([soft_disc(200, 150), np.zeros((200, 90), np.uint8), soft_disc(200, 300), soft_disc(200, 40)])
    random = np.random.default_rng(3)
    foreground, background = (random.integers(0, 256, (*alpha.shape, 3), np.uint8) for _ in range(2))
    share = alpha[..., None] / 255
    expected = np.rint(share * foreground + (1 - share) * background).astype(np.uint8)
    np.testing.assert_array_equal(composite(foreground, alpha, background), expected)


def test_shapes_that_do_not_fit_are_refused() -> None:
    """Image, alpha and background belong to one size."""
    image, alpha = np.zeros((8, 9, 3), np.uint8), np.zeros((8, 8), np.uint8)
    with pytest.raises(SpecError, match="wanted H×W×3 and H×W"):
        estimate_foreground(image, alpha)
    with pytest.raises(SpecError, match="one colour"):
        composite(image, np.zeros((8, 9), np.uint8), np.zeros((8, 8, 3), np.uint8))


def test_unknown_quality_is_refused() -> None:
    """The message names what there is."""
    with pytest.raises(SpecError, match="'fast' or 'exact'"):
        estimate_foreground(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), "best")  # type: ignore[arg-type]


@pytest.mark.slow
def test_exact_quality_solves_for_the_colours() -> None:
    """pymatting's multi-level solver on the same disc; its first import compiles for a minute."""
    pytest.importorskip("pymatting", reason="extra [quality] is not installed")
    alpha = soft_disc(200, 300)
    image = composite(filled(alpha, RED), alpha, filled(alpha, GREEN))
    error = np.abs(estimate_foreground(image, alpha, "exact").astype(int) - filled(alpha, RED))
    assert error[(alpha > 30) & (alpha < 255)].mean() < 4

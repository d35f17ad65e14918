"""Foreground colours: no foreign colour reaches an edge."""

import numpy as np

from shm_train.data.foreground import continue_colours, shrink_colours


def test_colours_that_count_stay_and_continue():
    """The left half is red; the right half, black and not counting, becomes red."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, :8, 0] = 200
    weight = np.zeros((16, 16), np.float32)
    weight[:, :8] = 1
    filled = continue_colours(image, weight)
    np.testing.assert_array_equal(filled[:, :8], image[:, :8])
    assert (filled[..., 0] == 200).all()
    assert (filled[..., 1:] == 0).all()


def test_shrinking_weighs_colours_by_alpha():
    """A strand of 200 with alpha 255 beside clear pixels of 0: 200 * 256 / (256 + 1) = 199, not the mean of 100."""
    colours = np.zeros((4, 4, 3), np.uint8)
    alpha = np.zeros((4, 4), np.uint8)
    colours[:, ::2], alpha[:, ::2] = 200, 255
    small, small_alpha = shrink_colours(colours, alpha, (2, 2))
    assert (small == 199).all()
    assert (np.abs(small_alpha.astype(int) - 127.5) <= 0.5).all()


def test_shrinking_what_is_clear_takes_the_plain_mean():
    """Nothing is seen there, nothing is divided by zero."""
    colours = np.zeros((2, 2, 3), np.uint8)
    colours[0] = 100
    small, _ = shrink_colours(colours, np.zeros((2, 2), np.uint8), (1, 1))
    assert (small == 50).all()

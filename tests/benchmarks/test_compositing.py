"""The figures of the compositing benchmark."""

import numpy as np
import pytest

from benchmarks.compositing import WAYS, measure


def test_own_colours_leave_a_halo_and_true_ones_none():
    """Half transparent white over black, laid over black: the image's own colours leave all of the old ground."""
    alpha = np.full((32, 32), 128, np.uint8)
    person, ground = np.full((32, 32, 3), 255, np.uint8), np.zeros((32, 32, 3), np.uint8)
    # image: 255 a; over black again: 255 a a. True: 255 a. The error is 255 a (1 - a) = 63.7.
    error, halo, _ = measure(WAYS["image"], person, alpha, ground, ground)
    assert error == pytest.approx(63.7, abs=1)
    assert halo == pytest.approx(1 - 128 / 255, abs=0.01)
    assert measure(lambda image, alpha: person, person, alpha, ground, ground)[:2] == (0, 0)

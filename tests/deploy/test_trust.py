"""Trust figures of trimaps drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.trust import Contact, trust_of


def certain(classes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """(H, W) class indices -> (H, W, 3) with 255 for that class."""
    return (np.eye(3, dtype=np.uint8) * 255)[classes]


def test_shares_and_contact_are_counted() -> None:
    """A person over the left half, cut off at the bottom, with a band of unknown of a tenth."""
    classes = np.full((100, 200), spec.BACKGROUND)
    classes[20:, :100] = spec.FOREGROUND
    classes[20:, 100:125] = spec.UNKNOWN
    trust = trust_of(certain(classes))
    assert trust.foreground_share == pytest.approx(0.4)
    assert trust.unknown_share == pytest.approx(0.1)
    assert trust.contact == Contact(top=0, right=0, bottom=pytest.approx(0.5), left=pytest.approx(0.8))
    assert not trust.nobody


def test_entropy_is_zero_where_unknown_is_certain_and_one_where_nothing_is() -> None:
    """Softmax of one class has no entropy; equal thirds have all of it."""
    sure = certain(np.full((64, 64), spec.UNKNOWN))
    assert trust_of(sure).unknown_entropy == 0
    thirds = np.full((64, 64, 3), 85, np.uint8)
    thirds[..., spec.UNKNOWN] = 86
    assert trust_of(thirds).unknown_entropy == pytest.approx(1, abs=1e-3)


def test_empty_room_is_nobody() -> None:
    """A few stray pixels are no person; one in a hundred are."""
    classes = np.full((100, 100), spec.BACKGROUND)
    assert trust_of(certain(classes)).nobody
    classes[50, 50:60] = spec.UNKNOWN
    assert trust_of(certain(classes)).nobody
    classes[50:60, 50:60] = spec.FOREGROUND
    trust = trust_of(certain(classes))
    assert not trust.nobody
    assert trust.unknown_entropy == 0


def test_large_frames_are_sampled_to_the_same_figures() -> None:
    """Shares of an 8 times larger frame are the same."""
    classes = np.full((50, 100), spec.BACKGROUND)
    classes[:, :30] = spec.FOREGROUND
    small, large = (trust_of(certain(classes.repeat(n, 0).repeat(n, 1))) for n in (1, 8))
    assert large.foreground_share == pytest.approx(small.foreground_share, abs=0.01)
    assert large.contact == small.contact

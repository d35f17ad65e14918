"""True trimaps: the transition, dilated."""

import numpy as np

from shm_deploy import spec
from shm_train.data.trimap import random_trimap, transition, true_trimap


def test_soft_pixels_and_hard_edges_are_the_transition():
    """0.5 is soft; 0.02 and 0.98 are flicker; between clear and opaque lies an edge, though no pixel is soft."""
    alpha = np.tile(np.array([0, 0.02, 0, 0.5, 0, 0, 1, 0.98, 1], np.float32), (3, 1))
    assert transition(alpha)[1].tolist() == [0, 0, 0, 1, 0, 1, 1, 0, 0]


def test_unknown_is_the_dilated_transition():
    """One soft pixel and radius 2: OpenCV's disc around it is unknown, all else keeps its class."""
    alpha = np.zeros((9, 9), np.float32)
    alpha[4, 4] = 0.3
    trimap = true_trimap(alpha, radius=2)
    assert trimap[spec.UNKNOWN].sum(axis=1).tolist() == [0, 0, 1, 5, 5, 5, 1, 0, 0]
    assert trimap[spec.UNKNOWN].sum(axis=0).tolist() == [0, 0, 3, 3, 5, 3, 3, 0, 0]
    assert not trimap[spec.FOREGROUND].any()


def test_classes_are_one_hot():
    """Every pixel has one class; far from the edge it is alpha's side."""
    alpha = np.zeros((20, 20), np.float32)
    alpha[:, 10:] = 1
    trimap = true_trimap(alpha, radius=3)
    assert (trimap.sum(0) == 1).all()
    assert trimap[spec.BACKGROUND, 5, 0] == trimap[spec.FOREGROUND, 5, 19] == trimap[spec.UNKNOWN, 5, 10] == 1


def half():
    """Clear on the left, opaque on the right, of 40 columns; the transition is columns 19 and 20."""
    alpha = np.zeros((9, 40), np.float32)
    alpha[:, 20:] = 1
    return alpha


def test_a_random_trimap_of_one_radius_is_the_dilated_transition():
    """Where nothing is left to chance."""
    np.testing.assert_array_equal(
        random_trimap(half(), (5, 5), np.random.default_rng(0)), true_trimap(half(), radius=5)
    )


def test_each_side_of_a_random_trimap_has_a_width_of_its_own():
    """Between the two radii, and not alike on both sides; the classes stay on their side."""
    widths = set()
    for seed in range(20):
        trimap = random_trimap(half(), (2, 8), np.random.default_rng(seed))[:, 4]
        assert (trimap.sum(0) == 1).all()
        assert not trimap[spec.FOREGROUND, :20].any()
        assert not trimap[spec.BACKGROUND, 20:].any()
        widths.add((int(trimap[spec.UNKNOWN, :20].sum()), int(trimap[spec.UNKNOWN, 20:].sum())))
    assert min(map(min, widths)) >= 3  # the transition's own column, and 2 to 8 beside it
    assert max(map(max, widths)) <= 9
    assert len({left for left, _ in widths}) > 3
    assert any(left != right for left, right in widths)

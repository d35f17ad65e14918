"""True trimaps: the transition, dilated."""

import numpy as np

from shm_deploy import spec
from shm_train.data.trimap import transition, true_trimap


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

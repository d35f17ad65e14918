"""What backends give."""

import numpy as np

from shm_deploy.backends import Mattes


def test_a_trimap_is_made_when_it_is_first_asked_for_and_once():
    """By the function in its place; a trimap itself comes back as it is."""
    made = []

    def make():
        made.append(np.zeros((1, 2, 3, 3), np.uint8))
        return made[-1]

    mattes = Mattes(np.ones((1, 2, 3), np.uint8), make)
    assert mattes.alpha.all()
    assert made == []
    assert mattes.trimap is mattes.trimap
    assert len(made) == 1
    alpha, trimap = mattes
    assert alpha is mattes.alpha
    assert trimap is made[0]
    assert Mattes(alpha, trimap).trimap is trimap

"""Small folders of drawn pictures, in the layouts that people have."""

import cv2
import numpy as np

from tests.train.conftest import SIDE, soft_ellipse

ALPHA = soft_ellipse(np.random.default_rng(0))
MASK = np.where(ALPHA > 127, 255, 0).astype(np.uint8)


def picture(seed, side=SIDE):
    """(side, side, 3) uint8, unlike that of another seed."""
    rng = np.random.default_rng(seed)
    return cv2.resize(rng.integers(0, 256, (6, 6, 3), np.uint8), (side, side), interpolation=cv2.INTER_CUBIC)


def write(path, pixels):
    """Write BGR or grey pixels; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def cut_out(seed):
    """(SIDE, SIDE, 4) uint8."""
    return np.dstack([picture(seed), ALPHA])

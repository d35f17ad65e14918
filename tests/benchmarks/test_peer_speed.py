"""How long models take, in turn."""

import numpy as np

from benchmarks.peer_speed import speed_rows


def test_each_model_has_a_row_per_size():
    """A model gets pictures of that size, one more than are timed."""
    seen = []

    def slow(image):
        seen.append(image.shape)
        return np.zeros(image.shape[:2], np.float32)

    models = {"slow": slow, "idle": lambda image: image[..., 0]}
    rows = speed_rows(models, runs=3, sizes=((64, 96), (80, 80)), pause_s=0)
    assert [(row["width"], row["height"], row["model"]) for row in rows] == [
        (96, 64, "slow"),
        (96, 64, "idle"),
        (80, 80, "slow"),
        (80, 80, "idle"),
    ]
    assert seen == 4 * [(64, 96, 3)] + 4 * [(80, 80, 3)]

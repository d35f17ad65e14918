"""A matter for which red is a person."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy.backends import Mattes
from shm_deploy.matter import Matter


class RedBackend:
    """Takes the red channel for the alpha, so that a test can draw the mattes it wants."""

    name = "red"
    device = "cpu"

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        """Red is foreground, the rest background, half of both unknown."""
        red = frames[..., 0]
        unknown = np.where((red > 100) & (red < 155), 255, 0).astype(np.uint8)
        sure = 255 - unknown
        trimap = np.stack([np.minimum(red, sure), np.minimum(255 - red, sure), unknown], axis=-1)
        return Mattes(alpha=red.copy(), trimap=trimap)

    def close(self) -> None:
        """Nothing to release."""


@pytest.fixture
def matter() -> Iterator[Matter]:
    """Opened on a backend that takes red for a person."""
    with Matter(RedBackend()) as opened:
        yield opened

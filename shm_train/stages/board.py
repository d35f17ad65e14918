"""A run as TensorBoard shows it: scalars, and pictures of held-out examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import BackendUnavailable

FOLDER = "tensorboard"
NUM_PICTURES = 8


class Board:
    """The event files of one run."""

    def __init__(self, folder: Path, step: int) -> None:
        """Open them; what was written after `step`, which will be made again, is hidden.

        Raises:
            BackendUnavailable: tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise BackendUnavailable(
                "got --tensorboard without the package; pip install 'semantic-human-matting[train]', or leave it out"
            ) from error
        self._writer = SummaryWriter(str(folder / FOLDER), purge_step=step + 1)

    def scalars(self, row: Mapping[str, float], group: str) -> None:
        """The numbers of a row of a CSV, at its step."""
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(f"{group}/{name}", value, int(row["step"]))

    def pictures(self, rows: Sequence[NDArray[np.uint8]], step: int) -> None:
        """Strips (H, W, 3) RGB of image, trimap, raw alpha, alpha and truth."""
        for index, row in enumerate(rows[:NUM_PICTURES]):
            self._writer.add_image(f"held-out/{index}", row, step, dataformats="HWC")

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()

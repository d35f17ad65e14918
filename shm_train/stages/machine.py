"""What a run is computed with; unlike its config, it may change when a run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from shm_deploy.errors import SpecError
from shm_train.device import Device


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Where a run is computed, and what it shows of itself."""

    device: Device = "cpu"
    num_workers: int = 1  # processes that make examples, for each that trains; 0 makes them there
    tensorboard: bool = False  # whether scalars and pictures are written for TensorBoard

    def __post_init__(self) -> None:
        if self.num_workers < 0:
            raise SpecError(f"got {self.num_workers} workers; 0 or more are wanted")

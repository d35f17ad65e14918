"""Several processes, one per GPU, that train one network together; `torchrun` starts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from shm_train.device import Device, find_device


@dataclass(frozen=True, kw_only=True)
class Processes:
    """This process among those that train together."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one logs, validates and saves."""
        return self.rank == 0

    def agree(self, stop: bool, progress: float) -> tuple[bool, float]:
        """Whether any was told to stop, and the first one's progress: all leave the loop at the same step."""
        if self.count == 1:
            return stop, progress
        told = torch.tensor([float(stop), progress if self.is_first else 0.0], device=self.device, dtype=torch.float64)
        distributed.all_reduce(told)
        return bool(told[0] > 0), float(told[1])

    def mean(self, value: Tensor) -> Tensor:
        """The mean of one number over all of them."""
        if self.count == 1:
            return value
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total / self.count


@contextmanager
def join_processes(device: Device) -> Iterator[Processes]:
    """Find the others that `torchrun` started, if it did, and the device of this one.

    Args:
        device: `cpu`, `cuda`, or `auto`, which is CUDA where it is there.

    Raises:
        BackendUnavailable: CUDA is asked for and not there.
    """
    own = find_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes(device=own)
        return
    if own.type == "cuda":
        own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if own.type == "cuda" else "gloo")
    try:
        yield Processes(device=own, rank=distributed.get_rank(), count=distributed.get_world_size())
    finally:
        distributed.destroy_process_group()

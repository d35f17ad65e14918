"""The device to compute on, by name."""

from __future__ import annotations

from typing import Literal

import torch

from shm_deploy.errors import BackendUnavailable

Device = Literal["auto", "cpu", "cuda"]


def find_device(name: Device) -> torch.device:
    """The device of that name; `auto` is CUDA where it is there.

    Raises:
        BackendUnavailable: CUDA is asked for and not there.
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise BackendUnavailable(
            "got --device cuda, but this PyTorch sees no GPU; install a CUDA build and a driver, or use --device cpu"
        )
    return torch.device("cuda" if found and name != "cpu" else "cpu")

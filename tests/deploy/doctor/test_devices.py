"""The NVIDIA driver and its cards."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from shm_deploy.doctor.devices import Gpu, describe_driver, read_driver_version


class Status(Enum):
    """Of driver calls."""

    CUDA_SUCCESS = 0
    CUDA_ERROR_NO_DEVICE = 100


def bindings(start: Status = Status.CUDA_SUCCESS) -> Any:
    """What `cuda.bindings.driver` answers on a machine with one RTX 3090 and CUDA 12.8."""
    good = Status.CUDA_SUCCESS
    return SimpleNamespace(
        CUresult=Status,
        CUdevice_attribute=SimpleNamespace(
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR=75, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR=76
        ),
        cuInit=lambda flags: (start,),
        cuDriverGetVersion=lambda: (good, 12080),
        cuDeviceGetCount=lambda: (good, 1),
        cuDeviceGet=lambda index: (good, index),
        cuDeviceGetName=lambda length, device: (good, b"NVIDIA GeForce RTX 3090".ljust(length, b"\0")),
        cuDeviceGetAttribute=lambda which, device: (good, {75: 8, 76: 6}[which]),
        cuDeviceTotalMem=lambda device: (good, 24 * 2**30),
    )


@pytest.mark.parametrize(
    "text",
    [
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.10  Thu Jan 23 06:31:50 UTC\nGCC version: 12.2\n",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build\nGCC version: 12.2.0\n",
    ],
    ids=["closed", "open"],
)
def test_version_of_the_kernel_module_is_read(text: str, tmp_path: Path) -> None:
    """The closed and the open module word it differently."""
    file = tmp_path / "version"
    file.write_text(text)
    assert read_driver_version(file) == "570.86.10"


def test_no_kernel_module_has_no_version(tmp_path: Path) -> None:
    """Nor does a file that says something else."""
    assert read_driver_version(tmp_path / "version") is None
    (tmp_path / "version").write_text("hello")
    assert read_driver_version(tmp_path / "version") is None


def test_cards_are_described() -> None:
    """Name, compute capability and memory, and the newest CUDA that the driver runs."""
    driver = describe_driver(bindings(), "570.86.10")
    assert driver.cuda == "12.8"
    assert driver.gpus == (Gpu(name="NVIDIA GeForce RTX 3090", compute_capability="8.6", memory_bytes=24 * 2**30),)


def test_driver_that_refuses_says_why() -> None:
    """A kernel module without a card, as in a container that was given none."""
    driver = describe_driver(bindings(Status.CUDA_ERROR_NO_DEVICE), "570.86.10")
    assert driver.gpus == ()
    assert driver.note is not None
    assert "CUDA_ERROR_NO_DEVICE" in driver.note

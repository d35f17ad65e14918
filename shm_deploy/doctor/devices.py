"""The NVIDIA driver and what it drives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DRIVER_FILE = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One card."""

    name: str
    compute_capability: str  # "8.6"
    memory_bytes: int


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What is known of the NVIDIA driver; None and empty where there is none."""

    version: str | None  # of the kernel module, "570.86.10"
    cuda: str | None  # the newest CUDA it runs, "12.8"
    gpus: tuple[Gpu, ...]
    note: str | None  # why the cards could not be asked


def read_driver_version(file: Path = DRIVER_FILE) -> str | None:
    """The version that the kernel module states; None without a module."""
    try:
        text = file.read_text()
    except OSError:
        return None
    found = re.search(r"Kernel Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", text)
    return found.group(1) if found else None


def ask_driver() -> Driver:
    """Ask the driver for its cards, through `cuda-bindings` where it is installed."""
    version = read_driver_version()
    try:
        from cuda.bindings import driver as cuda
    except ImportError:
        note = "install cuda-bindings to list the cards" if version else None
        return Driver(version=version, cuda=None, gpus=(), note=note)
    return describe_driver(cuda, version)


def describe_driver(cuda: Any, version: str | None) -> Driver:
    """Ask the driver for its cards.

    Args:
        cuda: the module `cuda.bindings.driver`.
        version: of the kernel module.
    """
    try:
        _checked(cuda, cuda.cuInit(0))
        newest = _checked(cuda, cuda.cuDriverGetVersion())
        gpus = tuple(_describe(cuda, index) for index in range(_checked(cuda, cuda.cuDeviceGetCount())))
    except RuntimeError as error:
        # The bindings raise it too where there is no driver library; without a driver that is no news.
        return Driver(version=version, cuda=None, gpus=(), note=str(error) if version else None)
    return Driver(version=version, cuda=f"{newest // 1000}.{newest % 1000 // 10}", gpus=gpus, note=None)


def _describe(cuda: Any, index: int) -> Gpu:
    device = _checked(cuda, cuda.cuDeviceGet(index))
    attribute = cuda.CUdevice_attribute
    major, minor = (
        _checked(cuda, cuda.cuDeviceGetAttribute(which, device))
        for which in (
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
            attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
        )
    )
    name = _checked(cuda, cuda.cuDeviceGetName(128, device))
    return Gpu(
        name=name.split(b"\0")[0].decode(),
        compute_capability=f"{major}.{minor}",
        memory_bytes=_checked(cuda, cuda.cuDeviceTotalMem(device)),
    )


def _checked(cuda: Any, answer: tuple[Any, ...]) -> Any:
    """The value of a driver call, whose first item is its status."""
    status, *values = answer
    if status != cuda.CUresult.CUDA_SUCCESS:
        raise RuntimeError(f"the CUDA driver says {status.name}")
    return values[0] if values else None

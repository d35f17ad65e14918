"""What a measurement was taken on: without it a number can't be compared with another."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import shm_deploy
from shm_deploy.backends.devices import cuda_index

DISTRIBUTIONS = (
    "semantic-human-matting",
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "torch",
    "tensorrt",
    "tensorrt-rtx-cu12",
    "tensorrt-rtx-cu13",
    "cuda-bindings",
    "cupy-cuda12x",
    "cupy-cuda13x",
)


@dataclass(frozen=True, kw_only=True)
class Environment:
    """The machine, the code and the libraries behind a result."""

    command: tuple[str, ...]
    created: str  # ISO 8601, UTC
    commit: str | None  # None where the package does not run from a git checkout
    dirty: bool | None  # tracked files differ from the commit
    device: str  # the card's name, or the processor's
    driver: str | None  # of the card
    clock_mhz: float | None  # of the card, or of the processor's cores on average, when this was recorded
    processor: str
    num_cpus: int  # that this process may use
    load_average: float  # over the last minute; more than the threads in use means other work
    platform: str
    versions: dict[str, str]


def record_environment(command: Sequence[str], device: str) -> Environment:
    """Describe this machine now.

    Args:
        command: program and arguments, as they can be typed again.
        device: where the network runs, as its backend says: "cpu" or "cuda:N".
    """
    processor, processor_mhz = read_processor(Path("/proc/cpuinfo").read_text())
    card = None if device == "cpu" else _card(cuda_index(device) or 0)
    commit, dirty = _checkout(Path(shm_deploy.__file__).parent)
    return Environment(
        command=tuple(command),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        commit=commit,
        dirty=dirty,
        device=card.name if card else processor,
        driver=card.driver if card else None,
        clock_mhz=card.clock_mhz if card else processor_mhz,
        processor=processor,
        num_cpus=len(os.sched_getaffinity(0)),
        load_average=round(os.getloadavg()[0], 2),
        platform=platform.platform(),
        versions={"python": platform.python_version(), **library_versions()},
    )


def library_versions() -> dict[str, str]:
    """The installed ones of the libraries that a result depends on."""
    installed = {}
    for name in DISTRIBUTIONS:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return installed


class Card(NamedTuple):
    """A GPU, as its driver's own tool describes it."""

    name: str
    driver: str
    clock_mhz: float | None  # of its multiprocessors


def read_processor(cpuinfo: str) -> tuple[str, float | None]:
    """The processor's name, and the mean clock of its cores [MHz], from what Linux has in /proc/cpuinfo."""
    fields = [(name.strip(), value.strip()) for name, _, value in (row.partition(":") for row in cpuinfo.splitlines())]
    names = [value for name, value in fields if name == "model name"]
    clocks = [float(value) for name, value in fields if name == "cpu MHz"]
    # ARM kernels tell neither.
    return names[0] if names else platform.machine(), round(mean(clocks), 1) if clocks else None


def read_card(line: str) -> Card:
    """A line of `nvidia-smi --query-gpu=name,driver_version,clocks.sm --format=csv,noheader,nounits`."""
    name, driver, clock = (cell.strip() for cell in line.rsplit(",", 2))
    return Card(name, driver, float(clock) if clock.isdecimal() else None)  # "[N/A]" where the card does not tell


def _card(index: int) -> Card:
    query = "--query-gpu=name,driver_version,clocks.sm"
    try:
        return read_card(_output(["nvidia-smi", f"--id={index}", query, "--format=csv,noheader,nounits"], Path.cwd()))
    except (OSError, subprocess.CalledProcessError) as error:
        return Card(f"GPU {index} (name unknown: {error})", "unknown", None)


def _checkout(folder: Path) -> tuple[str | None, bool | None]:
    try:
        commit = _output(["git", "rev-parse", "HEAD"], folder)
        changes = _output(["git", "status", "--porcelain", "--untracked-files=no"], folder)
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit, bool(changes)


def _output(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()

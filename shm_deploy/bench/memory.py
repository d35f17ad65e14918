"""Resident memory of this process, as Linux counts it."""

from __future__ import annotations

import re
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def resident_mib() -> float:
    """What is resident now [MiB]."""
    return _field("VmRSS")


def reset_peak() -> None:
    """Start counting the peak anew, at what is resident now."""
    CLEAR.write_text("5")


def peak_mib() -> float:
    """The most that was resident since `reset_peak` [MiB]."""
    return _field("VmHWM")


def _field(name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+) kB$", STATUS.read_text(), re.MULTILINE)
    assert found is not None, f"no {name} in {STATUS}"
    return int(found.group(1)) / 1024

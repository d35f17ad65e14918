"""Resident memory of this process or another, as Linux counts it."""

from __future__ import annotations

import re
from pathlib import Path

CLEAR = Path("/proc/self/clear_refs")


def resident_mib(process: int | str = "self") -> float:
    """What is resident now [MiB], in this process or in the one of a number."""
    return _field("VmRSS", process)


def reset_peak() -> None:
    """Start counting the peak anew, at what is resident now."""
    CLEAR.write_text("5")


def peak_mib() -> float:
    """The most that was resident since `reset_peak` [MiB]."""
    return _field("VmHWM", "self")


def _field(name: str, process: int | str) -> float:
    status = Path(f"/proc/{process}/status")
    found = re.search(rf"^{name}:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    assert found is not None, f"no {name} in {status}"
    return int(found.group(1)) / 1024

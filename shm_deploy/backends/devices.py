"""What a caller may write for `device`, and how many threads this process may use."""

from __future__ import annotations

import os
import re

from shm_deploy.errors import SpecError


def cuda_index(device: str) -> int | None:
    """The index in "cuda" (0) or "cuda:1"; None for "cpu" and "auto".

    Raises:
        SpecError: anything else.
    """
    if device in ("cpu", "auto"):
        return None
    match = re.fullmatch(r"cuda(?::(\d+))?", device)
    if match is None:
        raise SpecError(f"got device {device!r}; wanted 'auto', 'cpu', 'cuda' or 'cuda:N'")
    return int(match.group(1) or 0)


def thread_count(threads: int | None) -> int:
    """The number of threads asked for, or else that of the CPUs this process may run on.

    Raises:
        SpecError: less than one.
    """
    if threads is None:
        return len(os.sched_getaffinity(0))
    if threads < 1:
        raise SpecError(f"got threads={threads}; wanted at least 1, or None for every CPU of this process")
    return threads

"""What an export tells while it works."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A stage begins, gets on, or ends."""

    stage: str  # "graphs"
    state: Literal["begun", "step", "done"]
    seconds: float  # since the stage began
    detail: str  # "2 of 4 photographs"; when done, what came out, with megabytes


Report = Callable[[Progress], None]


class Stage:
    """One stage that is running."""

    def __init__(self, name: str, report: Report) -> None:
        self._name = name
        self._report = report
        self._begun = time.perf_counter()
        self._outcome = ""

    def step(self, detail: str) -> None:
        """Tell how far it has come."""
        self._tell("step", detail)

    def came_out(self, detail: str) -> None:
        """Say what the line at its end will say."""
        self._outcome = detail

    def begin(self) -> None:
        """Tell that it begins."""
        self._tell("begun", "")

    def end(self) -> None:
        """Tell that it ended well."""
        self._tell("done", self._outcome)

    def _tell(self, state: Literal["begun", "step", "done"], detail: str) -> None:
        seconds = time.perf_counter() - self._begun
        self._report(Progress(stage=self._name, state=state, seconds=seconds, detail=detail))


@contextmanager
def stage(name: str, report: Report) -> Iterator[Stage]:
    """Report the begin of a stage and, unless it raises, its end."""
    running = Stage(name, report)
    running.begin()
    yield running
    running.end()


def megabytes(num_bytes: int) -> str:
    """15123456 -> "15.1 MB"."""
    return f"{num_bytes / 1e6:.1f} MB"

"""How long the stages of one picture take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(kw_only=True)
class Timing:
    """Seconds that the stages of one picture took, in their order."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a `with` block."""
        begin = perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = perf_counter() - begin

    def header(self) -> str:
        """As `Server-Timing` has it, in milliseconds."""
        return ", ".join(f"{name};dur={1000 * taken:.2f}" for name, taken in self.seconds.items())

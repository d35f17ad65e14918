"""Matte a small drawn picture; run as a program, so that a backend that crashes takes nothing else with it."""

from __future__ import annotations

import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from shm_deploy.backends import BackendName
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter

HEIGHT, WIDTH = 240, 320
_MEASURED_SECONDS = 0.5
_MAX_RUNS = 20


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a backend did."""

    device: str
    providers: tuple[str, ...]
    threads: int | None
    opened_ms: float  # reading the model, its golden image included
    first_ms: float
    latency_ms: float  # median of the runs after the first
    num_runs: int
    golden_checked: bool
    person_share: float  # mean alpha of the drawn picture, 0..1


def drawn_person() -> NDArray[np.uint8]:
    """Head and shoulders before a bright wall, (240, 320, 3) RGB."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    picture = np.stack([190 + rows / 8, 200 + columns / 16, np.full_like(rows, 205)], axis=-1)
    shoulders = ((columns - 160) / 95) ** 2 + ((rows - 240) / 95) ** 2 < 1
    hair = ((columns - 160) / 42) ** 2 + ((rows - 88) / 52) ** 2 < 1
    face = ((columns - 160) / 34) ** 2 + ((rows - 98) / 44) ** 2 < 1
    picture[shoulders] = (40, 60, 110)
    picture[hair] = (50, 35, 25)
    picture[face] = (215, 165, 140)
    return picture.astype(np.uint8)


def run_selftest(model: Path, backend: BackendName) -> Outcome:
    """Open a model in a backend and matte the drawn picture for half a second.

    Raises:
        MatteError: whatever the backend has to say.
    """
    picture = drawn_person()
    start = time.perf_counter()
    with Matter(model, backend=backend) as matter:
        opened = time.perf_counter()
        alpha = matter(picture)
        first = time.perf_counter()
        latencies: list[float] = []
        while not latencies or (time.perf_counter() - first < _MEASURED_SECONDS and len(latencies) < _MAX_RUNS):
            before = time.perf_counter()
            matter(picture)
            latencies.append(time.perf_counter() - before)
        info = matter.info()
    return Outcome(
        device=info.device,
        providers=info.providers,
        threads=info.threads,
        opened_ms=round((opened - start) * 1000, 1),
        first_ms=round((first - opened) * 1000, 1),
        latency_ms=round(statistics.median(latencies) * 1000, 1),
        num_runs=len(latencies),
        golden_checked=info.golden_checked,
        person_share=round(float(alpha.mean()) / 255, 4),
    )


def main() -> int:
    """`python -m shm_deploy.doctor.selftest MODEL BACKEND`: the outcome in JSON, or the error on standard error."""
    try:
        outcome = run_selftest(Path(sys.argv[1]), cast(BackendName, sys.argv[2]))
    except MatteError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

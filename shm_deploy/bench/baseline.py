"""Whether a model became slower since an earlier report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from shm_deploy.bench.report import SCHEMA_VERSION, Report
from shm_deploy.errors import ArtifactError, SpecError


def parse_share(text: str) -> float:
    """`5%` and `0.05` are 0.05.

    Raises:
        SpecError: neither form, or negative.
    """
    number, scale = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        share = float(number) / scale
    except ValueError as error:
        raise SpecError(f"got {text!r}; wanted a share such as 5% or 0.05") from error
    if not share >= 0:
        raise SpecError(f"got {text!r}; a share is not negative")
    return share


def read_baseline(path: Path) -> dict[str, Any]:
    """An earlier report.

    Raises:
        ArtifactError: missing, or not one that this version wrote.
    """
    try:
        record = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ArtifactError(f"can't read the baseline {path} ({error}): write one with shm-bench --json") from error
    if not isinstance(record, dict) or record.get("schema_version") != SCHEMA_VERSION or "results" not in record:
        raise ArtifactError(f"{path} is no report of this version of shm-bench: write one with shm-bench --json")
    return record


def regressions(report: Report, baseline: dict[str, Any], allowed: float) -> list[str]:
    """Where the median end-to-end time of the first model grew by more than `allowed`, in words.

    Raises:
        SpecError: the baseline is of another device, or shares no size and number of streams with the report.
    """
    if baseline["device"] != report.device:
        raise SpecError(
            f"the baseline was measured on {baseline['device']}, this run on {report.device}; "
            "times compare on one device only: write a baseline here first, with --json"
        )
    before = {_key(row): row["total_ms"]["p50"] for row in baseline["results"][0]["latency"]}
    rows = [row for row in report.results[0].latency if (row.width, row.height, row.streams) in before]
    if not rows:
        raise SpecError(
            f"the baseline has (width, height, streams) {sorted(before)}, none of which this run measured: "
            "give the same --size and --streams"
        )
    found = []
    for row in rows:
        then = before[row.width, row.height, row.streams]
        growth = row.total_ms.p50 / then - 1
        if growth > allowed:
            found.append(
                f"{row.width}x{row.height}: {row.total_ms.p50:.2f} ms, was {then:.2f} ms: "
                f"{growth:+.1%}, allowed {allowed:+.1%}"
            )
    return found


def _key(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["width"], row["height"], row["streams"]

"""Markdown tables, and where their numbers come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells under a heading."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def origin(record: Record) -> str:
    """Device, processors, commit and day of a result."""
    environment = record["environment"]
    commit = (environment["commit"] or "unknown")[:7] + ("+changes" if environment["dirty"] else "")
    return f"{environment['device']}, {environment['num_cpus']} CPUs, commit {commit}, {environment['created'][:10]}."

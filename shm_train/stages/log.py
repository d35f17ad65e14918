"""The numbers of a run, one row per report, in CSV files."""

from __future__ import annotations

import csv
from pathlib import Path


def append_row(path: Path, row: dict[str, float]) -> None:
    """Add a row; a new file gets the names of the columns first."""
    new = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def drop_rows_after(path: Path, step: int) -> None:
    """Forget the rows of steps that a run cut off will make again; a missing file is fine."""
    if not path.exists():
        return
    with path.open(newline="") as stream:
        header, *rows = list(csv.reader(stream))
    column = header.index("step")
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *(row for row in rows if int(row[column]) <= step)])

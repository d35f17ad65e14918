"""The numbers of a run, one row per report, in CSV files."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from shm_deploy.errors import ArtifactError


def append_rows(path: Path, rows: Sequence[Mapping[str, float | str]]) -> None:
    """Add rows of the same columns; a new file gets their names first.

    Raises:
        ArtifactError: the file can't be written.
    """
    new = not path.exists()
    try:
        with path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            if new:
                writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise ArtifactError(f"can't write {path} ({error}); make room: the same command goes on") from error


def drop_rows_after(path: Path, step: int) -> None:
    """Forget the rows of steps that a run cut off will make again; a missing file is fine."""
    if not path.exists():
        return
    with path.open(newline="") as stream:
        header, *rows = list(csv.reader(stream))
    column = header.index("step")
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *(row for row in rows if int(row[column]) <= step)])

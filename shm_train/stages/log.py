"""The numbers of a run, one row per report, in CSV files."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from shm_deploy.errors import ArtifactError


def append_rows(path: Path, rows: Sequence[Mapping[str, float | str]]) -> None:
    """Add rows of the same columns; a new file gets their names first.

    Raises:
        ArtifactError: the file can't be written; it is left as it was, without half a line.
    """
    before = path.stat().st_size if path.exists() else 0
    try:
        with path.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            if before == 0:
                writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        with suppress(OSError):  # whatever is wrong with the file has been said
            os.truncate(path, before)
        raise ArtifactError(f"can't write {path} ({error}); make room: the same command goes on") from error


def drop_rows_after(path: Path, step: int) -> None:
    """Forget the rows of steps that a run cut off will make again, and a line that was cut; a missing file is fine.

    Raises:
        ArtifactError: the file can't be written; it is left as it was.
    """
    if not path.exists():
        return
    text = path.read_bytes().decode(errors="replace")
    whole = text[: text.rfind("\n") + 1]  # what comes after was cut
    header, *rows = list(csv.reader(whole.splitlines())) or [[]]
    kept = [row for row in rows if len(row) == len(header) and _is_until(row[header.index("step")], step)]
    part = path.with_name(path.name + ".part")
    try:
        with part.open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *kept] if header else [])
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ArtifactError(f"can't write {path} ({error}); make room: the same command goes on") from error


def _is_until(written: str, step: int) -> bool:
    """Whether a row's step is not after `step`; what is no number was cut, and another row written behind it."""
    return written.isdecimal() and int(written) <= step

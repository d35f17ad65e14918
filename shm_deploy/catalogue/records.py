"""What became of one picture: a row of the manifest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import pyarrow as pa

Status = Literal["done", "failed", "started"]

SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("target", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("attempts", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("foreground_share", pa.float64()),
        ("unknown_share", pa.float64()),
        ("unknown_entropy", pa.float64()),
        ("contact_top", pa.float64()),
        ("contact_right", pa.float64()),
        ("contact_bottom", pa.float64()),
        ("contact_left", pa.float64()),
        ("nobody", pa.bool_()),
        ("source_sha256", pa.string()),
        ("target_sha256", pa.string()),
        ("seconds", pa.float64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Item:
    """A picture to matte."""

    source: str  # path or URI
    target: str  # relative to the output folder


@dataclass(frozen=True, kw_only=True)
class Record:
    """What became of one picture. Only a `done` one has all fields; a manifest at rest has no `started` ones."""

    source: str
    target: str
    status: Status
    reason: str | None = None  # of a failure
    attempts: int = 1  # how often it was begun in this run: more than once where a worker died
    width: int | None = None  # of the picture, upright [px]
    height: int | None = None
    foreground_share: float | None = None  # this and the next six: as in `shm_deploy.trust.Trust`
    unknown_share: float | None = None
    unknown_entropy: float | None = None
    contact_top: float | None = None
    contact_right: float | None = None
    contact_bottom: float | None = None
    contact_left: float | None = None
    nobody: bool | None = None
    source_sha256: str | None = None  # of the bytes that were read
    target_sha256: str | None = None  # of the bytes that were written
    seconds: float | None = None  # from before reading to after writing


def table_of(records: Iterable[Record]) -> pa.Table:
    """Records as rows, in their order."""
    return pa.Table.from_pylist([asdict(record) for record in records], schema=SCHEMA)


def records_of(table: pa.Table) -> list[Record]:
    """The inverse of `table_of`."""
    return [Record(**row) for row in table.to_pylist()]

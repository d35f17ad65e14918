"""A worker, without Ray: chunks in, counts out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shm_deploy.catalogue.chunks import Chunk
from shm_deploy.catalogue.records import Item, Record, records_of
from shm_deploy.catalogue.settings import Settings
from shm_deploy.catalogue.worker import Worker, row_of
from shm_deploy.errors import SpecError
from shm_deploy.media.products import Product
from tests.deploy.media import zoo


def records_after(folder: Path, model: Path, sizes: dict[str, tuple[int, int]]) -> list[Record]:
    """Two chunks in one call; the rows of both books."""
    items = []
    for name, size in sizes.items():
        (folder / f"{name}.jpg").write_bytes(zoo.encoded(zoo.portrait(*size), "JPEG"))
        items.append(Item(source=str(folder / f"{name}.jpg"), target=f"{name}.png"))
    settings = Settings(output=str(folder / "out"), product=Product.ALPHA, suffix=".png", model=str(model))
    half = len(items) // 2
    chunks = [
        Chunk(book=str(folder / f"{index}.parquet"), items=tuple(part))
        for index, part in enumerate((items[:half], items[half:]))
    ]
    (row,) = Worker(settings, 1)(pa.Table.from_pylist([row_of(chunk) for chunk in chunks])).to_pylist()
    records = [record for chunk in chunks for record in records_of(pq.read_table(chunk.book))]
    assert row["done"] == sum(record.status == "done" for record in records)
    assert row["failed"] == sum(record.status == "failed" for record in records)
    assert row["begin"] <= row["end"]
    return records


def test_worker_mattes_chunks_side_by_side(tmp_path: Path, tiny_model: Path) -> None:
    """Every picture has its result and its row."""
    records = records_after(tmp_path, tiny_model, {name: (64, 64) for name in "abcd"})
    assert [(record.target, record.status) for record in records] == [(f"{name}.png", "done") for name in "abcd"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{name}.png" for name in "abcd"]


def test_failure_of_the_runtime_is_one_pictures_fault_if_the_engine_opens_again(
    tmp_path: Path, narrow_model: Path
) -> None:
    """The pictures after it are done, by a new engine."""
    records = records_after(tmp_path, narrow_model, {"a": (64, 64), "b": (80, 64), "c": (64, 64), "d": (64, 64)})
    assert [record.status for record in records] == ["done", "failed", "done", "done"]
    assert "ONNX Runtime failed" in (records[1].reason or "")


def test_settings_name_what_a_catalogue_can_do() -> None:
    """Ray hands out the GPUs."""
    with pytest.raises(SpecError, match="'cuda:1'"):
        Settings(output="out", product=Product.ALPHA, suffix=".png", device="cuda:1")

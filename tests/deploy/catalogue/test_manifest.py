"""The manifest: what is left to do, and what becomes of books."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shm_deploy.catalogue.chunks import Chunk, matte_chunk
from shm_deploy.catalogue.manifest import NAME, book_uri, merge_books, open_manifest, read_manifest
from shm_deploy.catalogue.records import Item, Record, Status, table_of
from shm_deploy.errors import MediaError, SpecError

ITEMS = [Item(source=f"/in/{name}.jpg", target=f"{name}.png") for name in "abc"]


def done(item: Item) -> Record:
    return Record(source=item.source, target=item.target, status="done")


def keep_book(output: Path, run: str, statuses: dict[str, Status]) -> None:
    """A book as a worker leaves it, with the results of what is done."""
    records = []
    for name, status in statuses.items():
        records.append(Record(source=f"/in/{name}.jpg", target=f"{name}.png", status=status))
        if status == "done":
            (output / f"{name}.png").write_bytes(b"result")
    path = Path(book_uri(str(output), run, 0))
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table_of(records), path)


def statuses(output: Path) -> dict[str, str]:
    table = read_manifest(str(output))
    return dict(zip(table["source"].to_pylist(), table["status"].to_pylist(), strict=True))


def test_run_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Done pictures are kept; failed ones, begun ones and new ones are to do."""
    first = open_manifest(str(tmp_path), ITEMS, "settings", overwrite=False)
    assert (first.todo, first.num_kept) == (tuple(ITEMS), 0)
    keep_book(tmp_path, first.run, {"a": "done", "b": "failed", "c": "started"})
    again = open_manifest(
        str(tmp_path), [*ITEMS, Item(source="/in/d.jpg", target="d.png")], "settings", overwrite=False
    )
    assert [item.target for item in again.todo] == ["b.png", "c.png", "d.png"]
    assert again.num_kept == 1
    assert again.run != first.run
    assert statuses(tmp_path) == {"/in/a.jpg": "done", "/in/b.jpg": "failed"}
    assert list((tmp_path / "manifest.books").iterdir()) == []


def test_newer_rows_replace_older_ones(tmp_path: Path) -> None:
    """A picture that failed and was mended has one row."""
    run = open_manifest(str(tmp_path), ITEMS, "settings", overwrite=False).run
    keep_book(tmp_path, run, {"a": "done", "b": "failed"})
    run = open_manifest(str(tmp_path), ITEMS, "settings", overwrite=False).run
    keep_book(tmp_path, run, {"b": "done", "c": "done"})
    merge_books(str(tmp_path))
    assert statuses(tmp_path) == {f"/in/{name}.jpg": "done" for name in "abc"}


def test_result_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    """The manifest alone does not make a picture done."""
    run = open_manifest(str(tmp_path), ITEMS, "settings", overwrite=False).run
    keep_book(tmp_path, run, {"a": "done", "b": "done", "c": "done"})
    (tmp_path / "b.png").unlink()
    assert open_manifest(str(tmp_path), ITEMS, "settings", overwrite=False).todo == (ITEMS[1],)


def test_other_settings_need_another_folder(tmp_path: Path) -> None:
    """No folder holds results of two kinds; --overwrite begins anew."""
    run = open_manifest(str(tmp_path), ITEMS, "alpha", overwrite=False).run
    keep_book(tmp_path, run, {"a": "done"})
    with pytest.raises(SpecError, match="made with alpha, wanted is cutout"):
        open_manifest(str(tmp_path), ITEMS, "cutout", overwrite=False)
    assert open_manifest(str(tmp_path), ITEMS, "cutout", overwrite=True).todo == tuple(ITEMS)
    assert statuses(tmp_path) == {}


def test_results_of_somebody_else_are_not_replaced(tmp_path: Path) -> None:
    """A folder without a manifest that has one of the targets."""
    (tmp_path / "b.png").write_bytes(b"mine")
    with pytest.raises(MediaError, match="1 results exist"):
        open_manifest(str(tmp_path), ITEMS, "settings", overwrite=False)
    assert not (tmp_path / NAME).exists()


def test_book_of_a_chunk_ends_in_the_manifest(tmp_path: Path) -> None:
    """From worker to manifest."""
    run = open_manifest(str(tmp_path), ITEMS, "settings", overwrite=False).run
    matte_chunk(Chunk(book=book_uri(str(tmp_path), run, 0), items=tuple(ITEMS)), done)
    assert merge_books(str(tmp_path))["target"].to_pylist() == ["a.png", "b.png", "c.png"]


def test_foreign_manifest_is_refused(tmp_path: Path) -> None:
    """A file of that name that is no Parquet."""
    (tmp_path / NAME).write_text("Dear diary")
    with pytest.raises(MediaError, match="can't be read"):
        open_manifest(str(tmp_path), ITEMS, "settings", overwrite=False)

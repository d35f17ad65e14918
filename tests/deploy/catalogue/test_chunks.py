"""A chunk and its book: what a worker does, and what the next one does after it died."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from shm_deploy.catalogue.chunks import MAX_ATTEMPTS, Chunk, matte_chunk, matte_item
from shm_deploy.catalogue.records import Item, Record, records_of
from shm_deploy.catalogue.settings import Settings
from shm_deploy.matter import Matter
from shm_deploy.media.formats import PNG
from shm_deploy.media.products import Product
from shm_deploy.media.stills import Recipe, matte_picture
from tests.deploy.fakes import FakeBackend
from tests.deploy.media import zoo


class Killed(BaseException):
    """The end of a process."""


class Worker:
    """Does every item, unless it is killed during one; knows what it was asked for."""

    def __init__(self, killed_by: str | None = None) -> None:
        self.asked: list[str] = []
        self._killed_by = killed_by

    def __call__(self, item: Item) -> Record:
        self.asked.append(item.source)
        if item.source == self._killed_by:
            raise Killed
        return Record(source=item.source, target=item.target, status="done")


@pytest.fixture
def chunk(tmp_path: Path) -> Chunk:
    """Four pictures, a to d."""
    items = tuple(Item(source=name, target=f"{name}.png") for name in "abcd")
    return Chunk(book=str(tmp_path / "books" / "0.parquet"), items=items)


def book_of(chunk: Chunk) -> list[Record]:
    return records_of(pq.read_table(chunk.book))


def test_chunk_is_written_down_in_order(chunk: Chunk) -> None:
    """The book has what the caller gets."""
    records = matte_chunk(chunk, Worker())
    assert [(record.source, record.status, record.attempts) for record in records] == [
        (name, "done", 1) for name in "abcd"
    ]
    assert book_of(chunk) == records


def test_next_worker_goes_on_behind_the_last_picture_that_was_done(chunk: Chunk) -> None:
    """What was done before the first one died is not done again, and nothing is left out."""
    with pytest.raises(Killed):
        matte_chunk(chunk, Worker(killed_by="c"))
    assert [(record.source, record.status) for record in book_of(chunk)] == [
        ("a", "done"),
        ("b", "done"),
        ("c", "started"),
    ]
    second = Worker()
    records = matte_chunk(chunk, second)
    assert second.asked == ["c", "d"]
    assert [(record.source, record.status, record.attempts) for record in records] == [
        ("a", "done", 1),
        ("b", "done", 1),
        ("c", "done", 2),
        ("d", "done", 1),
    ]


def test_picture_that_kills_its_worker_each_time_is_given_up(chunk: Chunk) -> None:
    """The others are done, and the reason says where to look."""
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(Killed):
            matte_chunk(chunk, Worker(killed_by="b"))
    last = Worker(killed_by="b")
    records = matte_chunk(chunk, last)
    assert last.asked == ["c", "d"]
    assert [record.status for record in records] == ["done", "failed", "done", "done"]
    assert "died 3 times" in (records[1].reason or "")


@pytest.fixture
def matte(tmp_path: Path) -> Callable[[Path, Product], Record]:
    """One picture with a backend for which red is a person, into the folder `out`."""
    matter = Matter(FakeBackend())

    def run(source: Path, product: Product) -> Record:
        settings = Settings(output=str(tmp_path / "out"), product=product, suffix=".png")
        return matte_item(matter, Item(source=str(source), target="sub/a.png"), settings)

    return run


@pytest.mark.parametrize("product", [Product.ALPHA, Product.CUTOUT])
def test_result_is_that_of_the_plain_loop(
    product: Product, tmp_path: Path, matte: Callable[[Path, Product], Record]
) -> None:
    """Byte by byte; the record has its size, its hashes and what can be trusted."""
    source = tmp_path / "a.jpg"
    source.write_bytes(zoo.encoded(zoo.portrait(), "JPEG"))
    record = matte(source, product)
    written = (tmp_path / "out" / "sub" / "a.png").read_bytes()
    assert written == matte_picture(Matter(FakeBackend()), source, Recipe(wanted=product, kind=PNG))
    assert (record.status, record.reason, record.width, record.height) == ("done", None, 48, 40)
    assert record.source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert record.target_sha256 == hashlib.sha256(written).hexdigest()
    assert record.nobody is False
    assert record.contact_top == 0


def test_trust_figures_are_those_of_the_picture(tmp_path: Path, matte: Callable[[Path, Product], Record]) -> None:
    """Left quarter red: a person who fills the left border and a quarter of the others."""
    picture = zoo.portrait(64, 32)
    picture.paste((0, 255, 0), (0, 0, 64, 32))
    picture.paste((255, 0, 0), (0, 0, 16, 32))
    source = tmp_path / "a.png"
    source.write_bytes(zoo.encoded(picture))
    record = matte(source, Product.ALPHA)
    assert (record.foreground_share, record.unknown_share, record.unknown_entropy) == (0.25, 0, 0)
    contact = (record.contact_top, record.contact_right, record.contact_bottom, record.contact_left)
    assert contact == (0.25, 0, 0.25, 1)


def test_bad_picture_has_its_reason_and_no_result(tmp_path: Path, matte: Callable[[Path, Product], Record]) -> None:
    """Broken, missing, or too small to be a photograph."""
    broken, tiny = tmp_path / "broken.jpg", tmp_path / "tiny.png"
    broken.write_text("Dear diary")
    tiny.write_bytes(zoo.encoded(zoo.portrait(4, 4)))
    for source, words in ((broken, "no picture"), (tmp_path / "nowhere.jpg", "does not exist"), (tiny, "at least 16")):
        record = matte(source, Product.ALPHA)
        assert record.status == "failed"
        assert words in (record.reason or "")
    assert not (tmp_path / "out").exists()


def test_book_is_readable_at_every_moment(chunk: Chunk) -> None:
    """Whole Parquet files only: a reader never meets half a one."""
    seen: list[int] = []

    def look(item: Item) -> Record:
        seen.append(pq.read_table(io.BytesIO(Path(chunk.book).read_bytes())).num_rows)
        return Record(source=item.source, target=item.target, status="done")

    matte_chunk(chunk, look)
    assert seen == [1, 2, 3, 4]

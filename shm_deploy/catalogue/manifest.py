"""The manifest of a catalogue: a Parquet file in the output folder, with a row for every picture.

While a run goes on, each chunk keeps a book beside it (see `chunks`). Books are merged into the manifest when a run
ends, and when the next one begins, so that nothing is lost of one that was killed.
"""

from __future__ import annotations

import io
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shm_deploy.catalogue.records import SCHEMA, Item
from shm_deploy.catalogue.storage import join, list_files, read_bytes, read_if_there, remove_files, write_bytes
from shm_deploy.errors import MediaError, SpecError

NAME = "manifest.parquet"
BOOKS = "manifest.books"  # a folder beside it
READERS = 16  # books that are read at once, for storage far away
SETTINGS = b"shm.settings"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A manifest at the start of a run."""

    todo: tuple[Item, ...]
    num_kept: int  # pictures that an earlier run has done
    run: str  # prefix of this run's books: those of a run that is not quite dead yet are never mixed up with them


def open_manifest(output: str, items: list[Item], settings: str, *, overwrite: bool) -> Opened:
    """Begin a manifest, or go on with one.

    A picture is done if the manifest says so and its target is still there. Pictures that failed are tried again.

    Args:
        output: path or URI of the folder.
        items: the whole catalogue.
        settings: what the results depend on; it must be that of the manifest that is there.
        overwrite: begin anew, replacing what is there.

    Raises:
        SpecError: the manifest was made with other settings.
        MediaError: there are results without a manifest, and `overwrite` is not given; the folder can't be used.
    """
    files = list_files(output)
    if overwrite:
        remove_files([join(output, name) for name in files if name == NAME or name.startswith(f"{BOOKS}/")])
    elif NAME in files:
        merge_books(output)
        return _go_on(output, items, settings, files)
    else:
        existing = [item.target for item in items if item.target in files]
        if existing:
            raise MediaError(
                f"{len(existing)} results exist in {output} without a manifest, such as {existing[0]}: "
                "name another output folder, or give --overwrite to replace them"
            )
    _write(output, SCHEMA.empty_table().replace_schema_metadata({SETTINGS: settings.encode()}))
    return Opened(todo=tuple(items), num_kept=0, run=secrets.token_hex(4))


def book_uri(output: str, run: str, index: int) -> str:
    """Where a chunk keeps its book; `index` is its place in the run."""
    return join(output, f"{BOOKS}/{run}-{index:07d}.parquet")


def merge_books(output: str) -> pa.Table:
    """Move what the books say into the manifest; what is newer replaces what is older.

    Returns:
        the manifest.

    Raises:
        MediaError: a file can't be read or written.
    """
    manifest = read_manifest(output)
    names = sorted(name for name in list_files(join(output, BOOKS)) if name.endswith(".parquet"))
    books = [join(output, f"{BOOKS}/{name}") for name in names]
    with ThreadPoolExecutor(READERS) as readers:
        tables = [_parse(data) for data in readers.map(read_if_there, books) if data is not None]
    if tables:
        known = pa.concat_tables(tables)
        known = known.filter(pc.not_equal(known["status"], "started"))
        older = manifest.filter(pc.invert(pc.is_in(manifest["source"], value_set=known["source"])))
        manifest = pa.concat_tables([older, known.replace_schema_metadata(manifest.schema.metadata)])
        _write(output, manifest)
    remove_files(books)
    return manifest


def read_manifest(output: str) -> pa.Table:
    """The manifest without the books."""
    return _parse(read_bytes(join(output, NAME)))


def _go_on(output: str, items: list[Item], settings: str, files: set[str]) -> Opened:
    manifest = read_manifest(output)
    made_with = (manifest.schema.metadata or {}).get(SETTINGS, b"").decode()
    if made_with != settings:
        raise SpecError(
            f"{join(output, NAME)} was made with {made_with}, wanted is {settings}: "
            "name another output folder, or give --overwrite to begin anew"
        )
    done = manifest.filter(pc.equal(manifest["status"], "done"))
    targets = dict(zip(done["source"].to_pylist(), done["target"].to_pylist(), strict=True))
    todo = tuple(item for item in items if targets.get(item.source) != item.target or item.target not in files)
    return Opened(todo=todo, num_kept=len(items) - len(todo), run=secrets.token_hex(4))


def _parse(data: bytes) -> pa.Table:
    try:
        return pq.read_table(io.BytesIO(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise MediaError(f"a manifest can't be read ({error}): it is no Parquet file; begin anew elsewhere") from error


def _write(output: str, manifest: pa.Table) -> None:
    stream = io.BytesIO()
    pq.write_table(manifest, stream)
    write_bytes(join(output, NAME), stream.getvalue())

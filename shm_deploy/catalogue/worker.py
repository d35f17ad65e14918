"""A worker of a catalogue: one engine, and chunk after chunk."""

from __future__ import annotations

import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from shm_deploy.catalogue.chunks import Chunk, matte_chunk, matte_item
from shm_deploy.catalogue.records import Item, Record
from shm_deploy.catalogue.settings import Settings
from shm_deploy.errors import BackendError


class Worker:
    """What Ray Data calls with each chunk. It runs in a process of its own, on any machine of the cluster."""

    def __init__(self, settings: Settings, threads: int) -> None:
        """Args: settings: how to matte; threads: of the engine, on a CPU."""
        # Pillow's remarks on half-broken files would fill the logs of a cluster.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        self._settings = settings
        self._threads = threads
        self._matter = settings.open_matter(threads)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Matte chunks, each in a thread of its own.

        Args:
            batch: rows from `row_of`: one for a worker on CPUs; for one on a GPU as many as prepare pictures for it.

        Returns:
            one row: how many pictures are done and failed, and when this call began and ended [s, since 1970].
        """
        begin = time.time()
        chunks = [_chunk_of(row) for row in batch.to_pylist()]
        with ThreadPoolExecutor(len(chunks)) as lanes:
            records = [record for made in lanes.map(self._matte_chunk, chunks) for record in made]
        num_done = sum(record.status == "done" for record in records)
        return pa.table(
            {"done": [num_done], "failed": [len(records) - num_done], "begin": [begin], "end": [time.time()]}
        )

    def _matte_chunk(self, chunk: Chunk) -> list[Record]:
        return matte_chunk(chunk, self._matte)

    def _matte(self, item: Item) -> Record:
        try:
            return matte_item(self._matter, item, self._settings)
        except BackendError as error:
            # Opening runs the golden image: an engine that is broken for good raises here, and ends the run. The old
            # one is not closed, since other threads may be in it; it goes with the last of them.
            self._matter = self._settings.open_matter(self._threads)
            return Record(source=item.source, target=item.target, status="failed", reason=str(error))


def row_of(chunk: Chunk) -> dict[str, str | list[str]]:
    """A chunk as it travels through Ray Data."""
    return {
        "book": chunk.book,
        "sources": [item.source for item in chunk.items],
        "targets": [item.target for item in chunk.items],
    }


def _chunk_of(row: dict[str, Any]) -> Chunk:
    pairs = zip(row["sources"], row["targets"], strict=True)
    return Chunk(book=row["book"], items=tuple(Item(source=source, target=target) for source, target in pairs))

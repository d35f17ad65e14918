"""A chunk of a catalogue: pictures that one worker mattes, one after another, keeping book of each.

The book is a small Parquet file that is written anew after each picture. A worker that takes over the chunk of one that
died reads it and goes on behind the last picture that was done. A picture that was begun again and again without an
end is one that kills its worker: it is given up.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from shm_deploy.catalogue.records import Item, Record, records_of, table_of
from shm_deploy.catalogue.settings import Settings
from shm_deploy.catalogue.storage import join, read_bytes, read_if_there, write_bytes
from shm_deploy.errors import MediaError, SpecError
from shm_deploy.matter import Matter
from shm_deploy.media.images import encode_image, read_photo
from shm_deploy.media.products import render_alpha

MAX_ATTEMPTS = 3  # a picture during which so many workers died is to blame


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """Pictures, and the URI of their book."""

    book: str
    items: tuple[Item, ...]


def matte_chunk(chunk: Chunk, matte: Callable[[Item], Record]) -> list[Record]:
    """Matte the pictures of a chunk that its book does not have yet.

    Args:
        chunk: what to do.
        matte: does one picture; an exception of it ends the chunk, and the book stays as it is.

    Returns:
        A record of every picture, in their order.
    """
    book = _Book(chunk.book)
    finished: tuple[Record, ...] = ()
    for item in chunk.items:
        known = book.records.get(item.source)
        if known is not None and known.status != "started":
            continue
        attempts = 0 if known is None else known.attempts
        if attempts >= MAX_ATTEMPTS:
            finished = (*finished, _given_up(item, attempts))
            continue
        started = Record(source=item.source, target=item.target, status="started", attempts=attempts + 1)
        book.note(*finished, started)  # one write for the end of a picture and the beginning of the next
        finished = (replace(matte(item), attempts=attempts + 1),)
    book.note(*finished)
    return [book.records[item.source] for item in chunk.items]


def matte_item(matter: Matter, item: Item, settings: Settings) -> Record:
    """Matte one picture and write the result.

    Returns:
        Its record; a picture that can't be read or matted has its reason there.

    Raises:
        MediaError: the result can't be written.
        BackendError: the runtime failed.
    """
    start = time.perf_counter()
    try:
        data = read_bytes(item.source)
        photo = read_photo(data)
        result = matter.matte(photo.pixels)
        pixels = render_alpha(photo, result.alpha, settings.product, settings.quality)
        encoded = encode_image(pixels, settings.kind, photo.metadata)
    except (MediaError, SpecError) as error:
        return Record(
            source=item.source,
            target=item.target,
            status="failed",
            reason=str(error),
            seconds=time.perf_counter() - start,
        )
    write_bytes(join(settings.output, item.target), encoded)
    height, width = photo.pixels.shape[:2]
    trust = result.trust
    return Record(
        source=item.source,
        target=item.target,
        status="done",
        width=width,
        height=height,
        foreground_share=trust.foreground_share,
        unknown_share=trust.unknown_share,
        unknown_entropy=trust.unknown_entropy,
        contact_top=trust.contact.top,
        contact_right=trust.contact.right,
        contact_bottom=trust.contact.bottom,
        contact_left=trust.contact.left,
        nobody=trust.nobody,
        source_sha256=hashlib.sha256(data).hexdigest(),
        target_sha256=hashlib.sha256(encoded).hexdigest(),
        seconds=time.perf_counter() - start,
    )


class _Book:
    """The records of a chunk by their source, and the file that has them."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        data = read_if_there(uri)
        known = [] if data is None else records_of(pq.read_table(io.BytesIO(data)))
        self.records = {record.source: record for record in known}

    def note(self, *records: Record) -> None:
        """Replace what is known of these pictures, and write it all down."""
        self.records.update((record.source, record) for record in records)
        stream = io.BytesIO()
        pq.write_table(table_of(self.records.values()), stream)
        write_bytes(self._uri, stream.getvalue())


def _given_up(item: Item, attempts: int) -> Record:
    reason = f"the process that matted it died {attempts} times: look at the picture, and at the memory it takes"
    return Record(source=item.source, target=item.target, status="failed", reason=reason, attempts=attempts)

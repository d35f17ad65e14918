"""Running a catalogue on Ray Data: on this machine, or on a cluster."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
import ray.data
import ray.exceptions

from shm_deploy.backends.devices import thread_count
from shm_deploy.catalogue.chunks import Chunk
from shm_deploy.catalogue.crew import Crew, crew_of, plan_chunks
from shm_deploy.catalogue.failures import last_line, own_error
from shm_deploy.catalogue.manifest import NAME, merge_books, open_manifest
from shm_deploy.catalogue.records import Item
from shm_deploy.catalogue.settings import Settings
from shm_deploy.catalogue.storage import join
from shm_deploy.catalogue.worker import Worker, row_of
from shm_deploy.errors import BackendError
from shm_deploy.media.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What became of a catalogue."""

    written: int
    failed: int
    kept: int  # pictures that an earlier run had done
    seconds: float  # all of it
    matting_seconds: float  # from the first picture's begin to the last one's end: without the start of the workers
    workers: int
    manifest: str


@contextmanager
def cluster(address: str | None) -> Iterator[None]:
    """Ray for a while: that of a cluster, or one of this machine's own.

    Args:
        address: of a cluster, such as "auto" or "head:6379"; None is what RAY_ADDRESS says, or this machine.

    Raises:
        BackendError: Ray does not start, or is not there.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # Ray gives its workers the lowest but four of priorities: where anything else runs, they would hardly.
    os.environ.setdefault("RAY_worker_niceness", "0")
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    local = {"num_cpus": thread_count(None), "include_dashboard": False} if address == "local" else {}
    # Workers' words would mix with the summary on standard output; failures come back as exceptions.
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **local)
    except (OSError, RuntimeError, ValueError) as error:
        raise BackendError(
            f"can't start or reach Ray at {address!r}: {last_line(error)}; check the address, and the token if the "
            "cluster wants one (RAY_AUTH_MODE=token)"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def run_catalogue(items: list[Item], settings: Settings, *, overwrite: bool, progress: Progress) -> Summary:
    """Matte a catalogue within Ray, which is initialised already (`cluster`, or `ray.init`).

    A run that ended early goes on where it stopped when it is started again with the same settings.

    Args:
        items: from `list_items`.
        settings: how, and where to.
        overwrite: begin anew, replacing results that are there.
        progress: told of each picture.

    Raises:
        SpecError: the cluster has no CPU for a worker; the output folder has a manifest made with other settings.
        MediaError: the output folder can't be written, or has results without a manifest.
        BackendError: Ray failed, or the engine did and would not open again. What was done until then is kept.
    """
    start = time.perf_counter()
    opened = open_manifest(settings.output, items, settings.fingerprint(), overwrite=overwrite)
    crew = crew_of(ray.cluster_resources(), settings)
    for _ in range(opened.num_kept):
        progress.step()
    written = failed = 0
    begins, ends = [], []
    try:
        for row in _stream(plan_chunks(opened, settings.output, crew), settings, crew):
            written += row["done"]
            failed += row["failed"]
            begins.append(row["begin"])
            ends.append(row["end"])
            for _ in range(row["done"] + row["failed"]):
                progress.step()
    finally:
        merge_books(settings.output)
    progress.close()
    return Summary(
        written=written,
        failed=failed,
        kept=opened.num_kept,
        seconds=time.perf_counter() - start,
        matting_seconds=max(ends) - min(begins) if ends else 0.0,
        workers=crew.num_workers,
        manifest=join(settings.output, NAME),
    )


def _stream(chunks: list[Chunk], settings: Settings, crew: Crew) -> Iterator[dict[str, Any]]:
    """The rows of `Worker`, as they come."""
    if not chunks:
        return
    ray.data.DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    num_blocks = -(-len(chunks) // crew.lanes)
    rows = ray.data.from_items([row_of(chunk) for chunk in chunks], override_num_blocks=num_blocks).map_batches(
        Worker,
        fn_constructor_args=(settings, crew.threads),
        batch_size=None,  # a block at a time
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=crew.num_workers),
        **crew.resources,
    )
    try:
        yield from rows.iter_rows()
    except ray.exceptions.RayError as error:
        raise own_error(error) from error

"""How many workers a cluster holds, and how a catalogue is cut up for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shm_deploy.catalogue.chunks import Chunk
from shm_deploy.catalogue.manifest import Opened, book_uri
from shm_deploy.catalogue.settings import Settings
from shm_deploy.errors import SpecError

CHUNK = 64  # pictures at most: what a worker does between two words with Ray
CHUNKS_PER_LANE = 8  # at least, where there are pictures enough, so that all end at about the same time
MAX_LANES = 16  # threads that prepare pictures for one GPU; Python has no use for more


@dataclass(frozen=True, kw_only=True)
class Crew:
    """The workers of a run, which are all alike."""

    num_workers: int
    threads: int  # of the engine
    lanes: int  # chunks that a worker has in hand at once
    resources: dict[str, float]  # of one worker, in Ray's words


def crew_of(resources: Mapping[str, float], settings: Settings) -> Crew:
    """Fill a cluster: a worker for each GPU, or as many as its CPUs have threads for.

    Args:
        resources: all that the cluster has, in Ray's words.
        settings: the device, and the threads of one worker.

    Raises:
        SpecError: it has no GPU, or not CPUs enough.
    """
    num_cpus, num_gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if settings.device == "cuda" and num_gpus == 0:
        raise SpecError("got device 'cuda' on a Ray cluster that has no GPU; wanted one with some, or device 'cpu'")
    if settings.device != "cpu" and num_gpus > 0:
        lanes = settings.threads or max(1, min(MAX_LANES, num_cpus // num_gpus))
        return Crew(num_workers=num_gpus, threads=1, lanes=lanes, resources={"num_gpus": 1, "num_cpus": lanes})
    threads = settings.threads or 1
    if num_cpus < threads:
        raise SpecError(f"got {threads} threads for a worker, the Ray cluster has {num_cpus} CPUs: wanted no more")
    return Crew(num_workers=num_cpus // threads, threads=threads, lanes=1, resources={"num_cpus": threads})


def plan_chunks(opened: Opened, output: str, crew: Crew) -> list[Chunk]:
    """Cut what is to do into chunks, in order."""
    size = max(1, min(CHUNK, len(opened.todo) // (crew.num_workers * crew.lanes * CHUNKS_PER_LANE)))
    parts = [opened.todo[start : start + size] for start in range(0, len(opened.todo), size)]
    return [Chunk(book=book_uri(output, opened.run, index), items=part) for index, part in enumerate(parts)]

"""Picture files in, picture files out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shm_deploy.compositing import Quality
from shm_deploy.errors import BackendError, BackendUnavailable, MediaError, SpecError
from shm_deploy.matter import Matter
from shm_deploy.media.backgrounds import Background
from shm_deploy.media.files import check_target, write_whole
from shm_deploy.media.formats import ImageFormat
from shm_deploy.media.images import encode_image, read_photo
from shm_deploy.media.planning import Job
from shm_deploy.media.products import Product, render
from shm_deploy.media.progress import Progress


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A picture that was not made, and why."""

    source: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What became of a list of pictures."""

    written: int
    failed: tuple[Failure, ...]  # pictures that were skipped
    stopped: Failure | None  # where the runtime failed and the list was given up
    left: int  # pictures that come after that
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What to make of each picture, and the format to write it in."""

    wanted: Product | Background
    kind: ImageFormat
    quality: Quality = field(default="fast")


def matte_picture(matter: Matter, source: Path | bytes, recipe: Recipe) -> bytes:
    """Matte one picture file, or the bytes of one, into the bytes of another.

    Raises:
        MediaError: it can't be read, or the result can't be encoded.
        SpecError: its size is out of bounds.
    """
    photo = read_photo(source)
    return encode_image(render(matter, photo, recipe.wanted, recipe.quality), recipe.kind, photo.metadata)


def matte_files(matter: Matter, jobs: Sequence[Job], recipe: Recipe, *, overwrite: bool, progress: Progress) -> Summary:
    """Matte picture files one after another; one that can't be read or written is reported and skipped.

    A failure of the runtime, which would meet the next picture too, ends the list; the summary says where.

    Args:
        matter: the network.
        jobs: sources and targets.
        recipe: what to make of them.
        overwrite: whether existing targets are replaced; otherwise they count as failed.
        progress: told of each picture.
    """
    start = time.perf_counter()
    written = 0
    failed: list[Failure] = []
    stopped: Failure | None = None
    for job in jobs:
        try:
            check_target(job.target, overwrite=overwrite)
            write_whole(job.target, matte_picture(matter, job.source, recipe), overwrite=overwrite)
            written += 1
        except (MediaError, SpecError) as error:
            failed.append(Failure(source=str(job.source), reason=str(error)))
            progress.say(f"skipped {job.source}: {error}")
        except (BackendError, BackendUnavailable) as error:
            stopped = Failure(source=str(job.source), reason=str(error))
            break
        progress.step()
    progress.close()
    return Summary(
        written=written,
        failed=tuple(failed),
        stopped=stopped,
        left=len(jobs) - written - len(failed) - (stopped is not None),
        seconds=time.perf_counter() - start,
    )

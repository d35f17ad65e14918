"""What is wrong with folders of pictures, found before training instead of at step 40,000."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from shm_deploy.errors import MediaError
from shm_train.data.labels import read_matte
from shm_train.data.layout import Job, Listing, Problem
from shm_train.data.originals import read_original
from shm_train.data.pictures import read_plane, shrink, stored_size
from shm_train.data.split import COPIES, Hashes, is_held_out, near_duplicates, picture_hashes
from shm_train.data.workers import in_processes

HASHED_SIDE = 640  # [px]; hashes are taken from pictures as small as a pack's


def check(listing: Listing, num_workers: int, done: Callable[[int], None]) -> list[Problem]:
    """Read everything that `pack` would read.

    Args:
        listing: what was found.
        num_workers: processes; 0 works in this one.
        done: called with the number of pictures done so far.

    Returns:
        Missing partners, unreadable files, empty alphas, wrong sizes, and photographs on both sides of the split.
    """
    problems = list(listing.problems)
    hashes: dict[str, Hashes] = {}
    for job, inspected in zip(listing.jobs, in_processes(_inspect, listing.jobs, num_workers, done), strict=True):
        if isinstance(inspected, str):
            problems.append(Problem(job.key, inspected))
        else:
            hashes[job.key] = inspected
    return problems + _across_the_split(listing.jobs, hashes)


def _inspect(job: Job) -> Hashes | str:
    """The hashes of a picture, or what is wrong with it."""
    try:
        image = read_original(job).image
        if job.label is not None:
            read_matte(job.label, (image.shape[0], image.shape[1]))
            for path in (job.label.detail, job.label.person):
                if path is not None:
                    read_plane(path)
    except MediaError as error:
        return str(error)
    return picture_hashes(shrink(image, stored_size((image.shape[0], image.shape[1]), HASHED_SIDE)))


def _across_the_split(jobs: list[Job], hashes: dict[str, Hashes]) -> list[Problem]:
    """Copies of one photograph of which one is for training and another held out: their names part them."""
    groups = near_duplicates({job.key: hashes[job.key] for job in jobs if job.key in hashes and not job.person})
    groups |= {job.key: job.person for job in jobs if job.person and job.key in hashes}
    alike = defaultdict(list)
    for key, first in near_duplicates(hashes, COPIES).items():
        alike[first].append(key)
    problems = []
    for keys in alike.values():
        held_out = [key for key in keys if is_held_out(groups[key])]
        if held_out and len(held_out) < len(keys):
            seen = next(key for key in keys if key not in held_out)
            problems.append(
                Problem(held_out[0], f"held out, but {seen} for training looks the same: join their groups")
            )
    return problems

"""From listed pictures to a pack: read, judged, shrunk, given foreground colours, written and split."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from shm_deploy.errors import MediaError, SpecError
from shm_train.data.foreground import continue_colours, estimate_foreground, shrink_colours
from shm_train.data.labels import LabelRules, fuse, judge
from shm_train.data.layout import Job, Label
from shm_train.data.samples import SAMPLES_FOLDER, Kind, Sample, write_index
from shm_train.data.split import difference_hashes, is_held_out, near_duplicates

UNSURE_RADIUS = 0.015  # of a hard mask's edge, of the longest side
FLICKER = 0.02  # what teachers are off by where they mean 0 or 1

Hashes = tuple[tuple[int, int], tuple[int, int]]  # upright, mirrored


@dataclass(frozen=True, kw_only=True)
class PackConfig:
    """How pictures are stored."""

    longest_side: int = 640  # [px]
    jpeg_quality: int = 93
    rules: LabelRules = field(default_factory=LabelRules)

    def __post_init__(self) -> None:
        if self.longest_side < 64:
            raise SpecError(f"got longest_side {self.longest_side}; at least 64 pixels are wanted")


def pack(
    jobs: Sequence[Job], folder: Path, config: PackConfig, num_workers: int, done: Callable[[int], None]
) -> dict[str, str]:
    """Write a pack.

    Args:
        jobs: what to pack.
        folder: where to; new or empty.
        config: how.
        num_workers: processes.
        done: called with the number of pictures done so far.

    Returns:
        The rejected keys, each with its reason.

    Raises:
        SpecError: the folder is not empty; a pack is made in one go, so that its split belongs together.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SpecError(f"{folder} is not empty; give a new folder, or delete it first")
    (folder / SAMPLES_FOLDER).mkdir(parents=True)
    outcomes: dict[str, _Outcome] = {}
    # Not by fork: a child that inherits OpenCV's pool of threads waits for threads that it does not have.
    with ProcessPoolExecutor(num_workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        tasks = ((job, folder / SAMPLES_FOLDER, config) for job in jobs)
        for count, outcome in enumerate(pool.map(_pack_one, tasks, chunksize=8), start=1):
            outcomes[outcome.key] = outcome
            done(count)
    hashes = {job.key: found for job in jobs if not job.person and (found := outcomes[job.key].hashes) is not None}
    groups = near_duplicates(hashes)
    samples = []
    for job in jobs:
        outcome = outcomes[job.key]
        if outcome.rejected is None:
            group = job.person or groups[job.key]
            samples.append(
                Sample(key=job.key, source=job.source, kind=outcome.kind, group=group, held_out=is_held_out(group))
            )
    write_index(folder, samples)
    return {key: outcome.rejected for key, outcome in outcomes.items() if outcome.rejected is not None}


@dataclass(frozen=True)
class _Outcome:
    key: str
    kind: Kind
    hashes: Hashes | None  # None: unreadable
    rejected: str | None = None


def _pack_one(task: tuple[Job, Path, PackConfig]) -> _Outcome:
    job, folder, config = task
    cv2.setNumThreads(1)
    try:
        pixels = _read(job.picture)
    except OSError as error:
        return _Outcome(job.key, job.kind, None, f"unreadable: {error}")
    size = _stored_size((pixels.shape[0], pixels.shape[1]), config.longest_side)
    image = _shrink(np.ascontiguousarray(pixels[..., :3]), size)
    hashes = (difference_hashes(image), difference_hashes(np.ascontiguousarray(image[:, ::-1])))
    stem = folder / job.key
    kind, rejected = job.kind, None
    match job.kind:
        case "background":
            _write(stem, ".jpg", image, config)
        case "cutout":
            rejected = _pack_cutout(pixels, size, stem, config)
        case "photo":
            rejected = _pack_photo(job, image, stem, config)
            if rejected is not None and job.mask is not None:
                kind, rejected = "mask", None
                _pack_mask(job.mask, image, stem, config)
        case "mask":
            assert job.mask is not None
            _pack_mask(job.mask, image, stem, config)
    return _Outcome(job.key, kind, hashes, rejected)


def _pack_cutout(pixels: NDArray[np.uint8], size: tuple[int, int], stem: Path, config: PackConfig) -> str | None:
    """Write foreground colours and alpha, or say why not."""
    if pixels.shape[2] != 4:
        return "no alpha channel"
    colours, alpha = np.ascontiguousarray(pixels[..., :3]), np.ascontiguousarray(pixels[..., 3])
    colours = continue_colours(colours, np.minimum(alpha / np.float32(64), 1))
    if size != alpha.shape:
        colours, alpha = shrink_colours(colours, alpha, size)
    if alpha.max() < 128:
        return "empty alpha"
    _write(stem, ".jpg", colours, config)
    _write(stem, ".png", alpha, config)
    return None


def _pack_photo(job: Job, image: NDArray[np.uint8], stem: Path, config: PackConfig) -> str | None:
    """Write the photo, its foreground colours and the teachers' alpha, or say why not."""
    assert job.label is not None
    size = (image.shape[0], image.shape[1])
    alpha, person = _read_label(job.label, size)
    mask = None if job.mask is None else _read_matte(job.mask, size) > 0.5
    reason = judge(alpha, person, mask, config.rules)
    if reason is None:
        alpha = np.clip((alpha - FLICKER) / (1 - 2 * FLICKER), 0, 1)
        _write(stem, ".jpg", image, config)
        _write(stem, ".fg.jpg", estimate_foreground(image, alpha), config)
        _write(stem, ".png", np.round(alpha * 255).astype(np.uint8), config)
    return reason


def _pack_mask(path: Path, image: NDArray[np.uint8], stem: Path, config: PackConfig) -> None:
    mask = np.where(_read_matte(path, (image.shape[0], image.shape[1])) > 0.5, 255, 0).astype(np.uint8)
    radius = max(2, round(UNSURE_RADIUS * max(mask.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    sure = np.where(cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, disc) > 0, 0, 255).astype(np.uint8)
    _write(stem, ".jpg", image, config)
    _write(stem, ".png", mask, config)
    _write(stem, ".sure.png", sure, config)


def _read(path: Path) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 where the picture has transparency, else (H, W, 3); upright."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        return np.asarray(upright.convert("RGBA" if upright.has_transparency_data else "RGB"))


def _stored_size(size: tuple[int, int], longest_side: int) -> tuple[int, int]:
    scale = min(1.0, longest_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _shrink(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _read_label(label: Label, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """What the teachers say at `size` (height, width): alpha in 0..1, and where a segmenter sees a person."""
    alpha = _read_matte(label.matte, size)
    if label.detail is not None:
        # The mean of the two has the best measured error: RVM draws edges softer, the fused one finer.
        alpha = np.float32(0.5) * (alpha + fuse(alpha, _read_matte(label.detail, size)))
    if label.classes is None:
        return alpha, None
    with Image.open(label.classes) as picture:
        person = np.asarray(picture.convert("L")) > 0
    return alpha, cv2.resize(person.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST) > 0


def _read_matte(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) in 0..1 at `size` (height, width)."""
    with Image.open(path) as picture:
        matte = np.asarray(picture.convert("L"))
    shrinks = matte.shape[1] > size[1]
    resized = cv2.resize(matte, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32) / np.float32(255)


def _write(stem: Path, suffix: str, pixels: NDArray[np.uint8], config: PackConfig) -> None:
    ordered = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    options = [cv2.IMWRITE_JPEG_QUALITY, config.jpeg_quality] if suffix.endswith(".jpg") else []
    if not cv2.imwrite(str(stem.with_name(stem.name + suffix)), ordered, options):
        raise MediaError(f"can't write {stem}{suffix}: is the disk full?")

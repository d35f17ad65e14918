"""From listed pictures to a pack: read, judged, shrunk, given foreground colours, written and split."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shm_deploy.compositing import Quality
from shm_deploy.errors import MediaError, SpecError
from shm_train.data.foreground import continue_colours, foreground_colours, shrink_colours
from shm_train.data.labels import FLICKER, LabelRules, judge_label
from shm_train.data.layout import Job
from shm_train.data.originals import Original, read_original
from shm_train.data.pictures import shrink, stored_size
from shm_train.data.samples import Kind, Sample, write_index
from shm_train.data.split import Hashes, is_held_out, near_duplicates, picture_hashes
from shm_train.data.stores import SAMPLES_FOLDER
from shm_train.data.workers import in_processes

UNSURE_RADIUS = 0.015  # of a hard mask's edge, of the longest side


@dataclass(frozen=True, kw_only=True)
class PackConfig:
    """How pictures are stored."""

    longest_side: int = 640  # [px]
    jpeg_quality: int = 93
    foreground: Quality = "exact"  # how foreground colours of photographs are estimated
    rules: LabelRules = field(default_factory=LabelRules)
    weights: Mapping[str, float] = field(default_factory=dict)  # of sources: how often their pictures are drawn, else 1

    def __post_init__(self) -> None:
        if self.longest_side < 64:
            raise SpecError(f"got longest_side {self.longest_side}; at least 64 pixels are wanted")
        for source, weight in self.weights.items():
            if not (math.isfinite(weight) and weight > 0):
                raise SpecError(f"got weight {weight} of source {source}; a positive number is wanted")


def pack(
    jobs: Sequence[Job], folder: Path, config: PackConfig, num_workers: int, done: Callable[[int], None]
) -> dict[str, str]:
    """Write a pack.

    Args:
        jobs: what to pack.
        folder: where to; new or empty.
        config: how.
        num_workers: processes; 0 works in this one.
        done: called with the number of pictures done so far.

    Returns:
        The rejected keys, each with its reason.

    Raises:
        SpecError: the folder is not empty (a pack is made in one go, so that its split belongs together), or a source
            that has a weight has no picture.
    """
    sources = {job.source for job in jobs}
    if unknown := sorted(config.weights.keys() - sources):
        raise SpecError(f"got weights of {', '.join(unknown)}; the sources here are {', '.join(sorted(sources))}")
    if folder.exists() and any(folder.iterdir()):
        raise SpecError(f"{folder} is not empty; give a new folder, or delete it first")
    (folder / SAMPLES_FOLDER).mkdir(parents=True)
    tasks = [(job, folder / SAMPLES_FOLDER, config) for job in jobs]
    outcomes = {outcome.key: outcome for outcome in in_processes(_pack_one, tasks, num_workers, done)}
    hashes = {job.key: found for job in jobs if not job.person and (found := outcomes[job.key].hashes) is not None}
    groups = near_duplicates(hashes)
    samples = []
    for job in jobs:
        outcome = outcomes[job.key]
        if outcome.rejected is None:
            group = job.person or groups[job.key]
            samples.append(
                Sample(
                    key=job.key,
                    source=job.source,
                    kind=outcome.kind,
                    group=group,
                    held_out=is_held_out(group),
                    exact=outcome.kind == "photo" and job.alpha is not None,
                    weight=config.weights.get(job.source, 1.0),
                )
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
    try:
        original = read_original(job)
    except MediaError as error:
        return _Outcome(job.key, job.kind, None, str(error))
    height, width = original.image.shape[:2]
    size = stored_size((height, width), config.longest_side)
    image = shrink(original.image, size)
    stem = folder / job.key
    kind, rejected = job.kind, None
    match job.kind:
        case "background":
            _write(stem, ".jpg", image, config)
        case "cutout":
            _pack_cutout(original, size, stem, config)
        case "photo" if original.alpha is not None:
            _pack_photo(image, shrink(original.alpha, size), original.foreground, stem, config)
        case "photo":
            kind, rejected = _pack_label(job, original, image, stem, config)
        case "mask":
            assert original.mask is not None
            _pack_mask(image, _shrink_mask(original.mask, size), stem, config)
    return _Outcome(job.key, kind, picture_hashes(image), rejected)


def _pack_cutout(original: Original, size: tuple[int, int], stem: Path, config: PackConfig) -> None:
    """Write foreground colours and alpha."""
    assert original.alpha is not None
    alpha = original.alpha
    colours = continue_colours(original.image, np.minimum(alpha / np.float32(64), 1))
    if size != alpha.shape:
        colours, alpha = shrink_colours(colours, alpha, size)
    _write(stem, ".jpg", colours, config)
    _write(stem, ".png", alpha, config)


def _pack_photo(
    image: NDArray[np.uint8],
    alpha: NDArray[np.uint8],
    foreground: NDArray[np.uint8] | None,
    stem: Path,
    config: PackConfig,
) -> None:
    """Write a photograph, its alpha, and its foreground colours: estimated if no file has them."""
    if foreground is None:
        foreground = foreground_colours(image, alpha, config.foreground)
    else:
        foreground = continue_colours(shrink(foreground, alpha.shape), np.minimum(alpha / np.float32(64), 1))
    _write(stem, ".jpg", image, config)
    _write(stem, ".fg.jpg", foreground, config)
    _write(stem, ".png", alpha, config)


def _pack_label(
    job: Job, original: Original, image: NDArray[np.uint8], stem: Path, config: PackConfig
) -> tuple[Kind, str | None]:
    """Write a photograph with what teachers say, or, where that is not good, with its hard mask, or say why not."""
    assert job.label is not None
    size = (image.shape[0], image.shape[1])
    mask = None if original.mask is None else _shrink_mask(original.mask, size)
    try:
        alpha, rejected = judge_label(job.label, mask, size, config.rules)
    except MediaError as error:
        rejected = str(error)
    if rejected is None:
        alpha = np.clip((alpha - FLICKER) / (1 - 2 * FLICKER), 0, 1)
        _pack_photo(image, np.round(alpha * 255).astype(np.uint8), None, stem, config)
    elif mask is not None:
        _pack_mask(image, mask, stem, config)
        return "mask", None
    return "photo", rejected


def _pack_mask(image: NDArray[np.uint8], mask: NDArray[np.bool_], stem: Path, config: PackConfig) -> None:
    """Write a photograph, its hard mask, and where that is to be trusted."""
    hard = np.where(mask, 255, 0).astype(np.uint8)
    radius = max(2, round(UNSURE_RADIUS * max(hard.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    sure = np.where(cv2.morphologyEx(hard, cv2.MORPH_GRADIENT, disc) > 0, 0, 255).astype(np.uint8)
    _write(stem, ".jpg", image, config)
    _write(stem, ".png", hard, config)
    _write(stem, ".sure.png", sure, config)


def _shrink_mask(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    return shrink(np.where(mask, 255, 0).astype(np.uint8), size) > 127


def _write(stem: Path, suffix: str, pixels: NDArray[np.uint8], config: PackConfig) -> None:
    ordered = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    options = [cv2.IMWRITE_JPEG_QUALITY, config.jpeg_quality] if suffix.endswith(".jpg") else []
    if not cv2.imwrite(str(stem.with_name(stem.name + suffix)), ordered, options):
        raise MediaError(f"can't write {stem}{suffix}: is the disk full?")

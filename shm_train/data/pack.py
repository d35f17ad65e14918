"""From folders of pictures to a pack. One function per layout; each yields samples with their arrays."""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from shm_deploy.errors import SpecError
from shm_train.data.foreground import continue_colours
from shm_train.data.labels import LabelRules, fuse, judge
from shm_train.data.samples import SAMPLES_FOLDER, Kind, Sample, write_index
from shm_train.data.split import difference_hashes, is_held_out, near_duplicates

logger = logging.getLogger(__name__)

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
UNSURE_RADIUS = 0.015  # of a hard mask's edge, of the longest side


@dataclass(frozen=True, kw_only=True)
class PackConfig:
    """How pictures are stored."""

    longest_side: int = 640  # [px]
    jpeg_quality: int = 93
    frame_step: int = 10  # every n-th frame of a clip of cut-outs
    rules: LabelRules = field(default_factory=LabelRules)

    def __post_init__(self) -> None:
        if self.longest_side < 64:
            raise SpecError(f"got longest_side {self.longest_side}; at least 64 pixels are wanted")
        if self.frame_step < 1:
            raise SpecError(f"got frame_step {self.frame_step}; at least 1 is wanted")


@dataclass(frozen=True)
class Job:
    """One picture that is to become a sample."""

    key: str
    source: str
    kind: Kind
    picture: Path
    person: str = ""  # split by this name instead of by near-duplicates
    mask: Path | None = None
    label: Path | None = None  # path without suffix of a teacher's files


def find_jobs(data: Path, labels: Path, frame_step: int) -> list[Job]:
    """List everything in a folder laid out as `people/ masks/ rgba/ rgba_video/ backgrounds/`, each by source.

    Photographs with neither label nor mask are left out: they say nothing, least of all "nobody there".
    """
    jobs = []
    for path in _pictures(data / "rgba"):
        source = path.parent.name
        person = f"{source}/{path.stem[:3]}" if source == "london" else ""
        jobs.append(Job(_key(source, path.stem), source, "cutout", path, person))
    for path in _pictures(data / "rgba_video"):
        if int(path.stem) % frame_step:
            continue
        clip, source = path.parent.name, path.parent.parent.name
        person = f"{source}/{clip.split('_')[0]}"  # several clips of one person differ behind the underscore
        jobs.append(Job(_key(source, f"{clip}-{path.stem}"), source, "cutout", path, person))
    for path in _pictures(data / "backgrounds"):
        jobs.append(Job(_key(path.parent.name, path.stem), path.parent.name, "background", path))
    for path in _pictures(data / "people"):
        source = path.parent.name
        mask: Path | None = data / "masks" / source / f"{path.stem}.png"
        if mask is not None and not mask.is_file():
            mask = None
        label = labels / source / path.stem
        key = _key(source, path.stem)
        if label.with_name(f"{label.name}.rvm.webp").is_file():
            jobs.append(Job(key, source, "photo", path, "", mask, label))
        elif mask is not None:
            jobs.append(Job(key, source, "mask", path, "", mask))
    return jobs


def unpack_labels(tars: Sequence[Path], labels: Path) -> None:
    """Unpack `<source>.tar` files of teacher labels to `labels/<source>/`; what is there already stays."""
    for tar in tars:
        folder = labels / tar.stem
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(tar) as archive:
            for member in archive.getmembers():
                target = folder / Path(member.name).name
                stream = archive.extractfile(member)
                if stream is not None and not target.exists():
                    target.write_bytes(stream.read())


def pack(
    jobs: Sequence[Job], folder: Path, config: PackConfig, num_workers: int, done: Callable[[int], None]
) -> dict[str, str]:
    """Write a pack; samples that are there already are kept.

    Args:
        jobs: what to pack.
        folder: where to.
        config: how.
        num_workers: processes.
        done: called with the number of pictures done so far.

    Returns:
        The rejected keys, each with its reason.
    """
    (folder / SAMPLES_FOLDER).mkdir(parents=True, exist_ok=True)
    outcomes: dict[str, _Outcome] = {}
    with ProcessPoolExecutor(num_workers) as pool:
        tasks = ((job, folder / SAMPLES_FOLDER, config) for job in jobs)
        for count, outcome in enumerate(pool.map(_pack_one, tasks, chunksize=8), start=1):
            outcomes[outcome.key] = outcome
            done(count)
    groups = near_duplicates({job.key: outcomes[job.key].hashes for job in jobs if not job.person})
    samples = []
    for job in jobs:
        if outcomes[job.key].rejected is None:
            group = job.person or groups[job.key]
            samples.append(
                Sample(
                    key=job.key,
                    source=job.source,
                    kind=outcomes[job.key].kind,
                    group=group,
                    held_out=is_held_out(group),
                )
            )
    write_index(folder, samples)
    return {key: outcome.rejected for key, outcome in outcomes.items() if outcome.rejected is not None}


@dataclass(frozen=True)
class _Outcome:
    key: str
    kind: Kind
    hashes: tuple[tuple[int, int], tuple[int, int]]  # upright, mirrored
    rejected: str | None = None


def _pack_one(task: tuple[Job, Path, PackConfig]) -> _Outcome:
    job, folder, config = task
    cv2.setNumThreads(1)
    rgba = _read(job.picture, config.longest_side)
    image = np.ascontiguousarray(rgba[..., :3])
    hashes = (difference_hashes(image), difference_hashes(np.ascontiguousarray(image[:, ::-1])))
    stem = folder / job.key
    match job.kind:
        case "background":
            _write(stem, ".jpg", image, config)
        case "cutout":
            alpha = rgba[..., 3]
            if alpha.max() < 128:
                return _Outcome(job.key, job.kind, hashes, "empty alpha")
            weight = np.clip(alpha.astype(np.float32) / 64, 0, 1)
            _write(stem, ".jpg", continue_colours(image, weight), config)
            _write(stem, ".png", alpha, config)
        case "photo":
            return _pack_photo(job, image, hashes, stem, config)
        case "mask":
            _pack_mask(job, image, stem, config)
    return _Outcome(job.key, job.kind, hashes)


def _pack_photo(
    job: Job,
    image: NDArray[np.uint8],
    hashes: tuple[tuple[int, int], tuple[int, int]],
    stem: Path,
    config: PackConfig,
) -> _Outcome:
    assert job.label is not None
    size = (image.shape[1], image.shape[0])
    alpha = _read_matte(job.label.with_name(f"{job.label.name}.rvm.webp"), size)
    detail = job.label.with_name(f"{job.label.name}.isnet.webp")
    if detail.is_file():
        # The mean of the two has the best measured error: RVM draws edges softer, the fused one finer.
        alpha = (alpha + fuse(alpha, _read_matte(detail, size))) / 2
    classes = cv2.imread(str(job.label.with_name(f"{job.label.name}.classes.png")), cv2.IMREAD_GRAYSCALE)
    person = cv2.resize((classes > 0).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    mask = None if job.mask is None else _read_matte(job.mask, size) > 0.5
    reason = judge(alpha, person, mask, config.rules)
    if reason is not None:
        if job.mask is None:
            return _Outcome(job.key, job.kind, hashes, reason)
        _pack_mask(job, image, stem, config)
        return _Outcome(job.key, "mask", hashes)
    alpha = np.clip((alpha - 0.02) / 0.96, 0, 1)  # teachers flicker by a few levels where they mean 0 and 1
    foreground = estimate_foreground(image, alpha)
    _write(stem, ".jpg", image, config)
    _write(stem, ".fg.jpg", foreground, config)
    _write(stem, ".png", np.round(alpha * 255).astype(np.uint8), config)
    return _Outcome(job.key, job.kind, hashes)


def estimate_foreground(image: NDArray[np.uint8], alpha: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Foreground colours (H, W, 3) uint8 by the multi-level estimator, continued outwards where alpha is 0."""
    # Imported here: the first import compiles for a minute, and only this function needs it.
    from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml

    colours = estimate_foreground_ml(image.astype(np.float32) / 255, alpha.astype(np.float32))
    colours = np.clip(colours * 255 + 0.5, 0, 255).astype(np.uint8)
    return continue_colours(colours, np.clip(alpha * 4, 0, 1).astype(np.float32))


def _pack_mask(job: Job, image: NDArray[np.uint8], stem: Path, config: PackConfig) -> None:
    assert job.mask is not None
    mask = np.where(_read_matte(job.mask, (image.shape[1], image.shape[0])) > 0.5, 255, 0).astype(np.uint8)
    radius = max(2, round(UNSURE_RADIUS * max(mask.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    sure = np.where(cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, disc) > 0, 0, 255).astype(np.uint8)
    _write(stem, ".jpg", image, config)
    _write(stem, ".png", mask, config)
    _write(stem, ".sure.png", sure, config)


def _pictures(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in PICTURE_SUFFIXES)


def _key(source: str, stem: str) -> str:
    return f"{source}-{stem}".replace(" ", "_")


def _read(path: Path, longest_side: int) -> NDArray[np.uint8]:
    """(H, W, 3 or 4) uint8, upright, at most `longest_side`."""
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        pixels = np.asarray(upright.convert("RGBA" if upright.mode == "RGBA" else "RGB"))
    height, width = pixels.shape[:2]
    scale = longest_side / max(height, width)
    if scale < 1:
        size = (round(width * scale), round(height * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return pixels


def _read_matte(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """(H, W) in 0..1 at `size` (width, height)."""
    with Image.open(path) as picture:
        matte = np.asarray(picture.convert("L"))
    shrinks = matte.shape[1] > size[0]
    resized = cv2.resize(matte, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized.astype(np.float32) / 255


def _write(stem: Path, suffix: str, pixels: NDArray[np.uint8], config: PackConfig) -> None:
    ordered = pixels[..., ::-1] if pixels.ndim == 3 else pixels
    options = [cv2.IMWRITE_JPEG_QUALITY, config.jpeg_quality] if suffix.endswith(".jpg") else []
    if not cv2.imwrite(str(stem.with_name(stem.name + suffix)), ordered, options):
        raise OSError(f"can't write {stem}{suffix}: is the disk full?")

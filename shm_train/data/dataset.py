"""Training examples by number: example n is the same in every run, whoever asks and in whatever order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from shm_deploy.errors import SpecError
from shm_train.data.compose import AugmentConfig, Example, Size, composed_example, empty_example, photo_example
from shm_train.data.samples import Pack, Sample
from shm_train.data.trimap import transition, true_trimap


@dataclass(frozen=True, kw_only=True)
class MixConfig:
    """What examples are made of; shares of kinds that a pack lacks are spread over the others."""

    cutout: float = 0.30  # cut-outs composed over backgrounds
    photo: float = 0.36  # photographs as they are
    recomposed: float = 0.15  # people of photographs composed over backgrounds
    mask: float = 0.10  # photographs with hard masks
    nobody: float = 0.09

    def __post_init__(self) -> None:
        if min(self.cutout, self.photo, self.recomposed, self.mask, self.nobody) < 0:
            raise SpecError(f"got {self}; shares must not be negative")


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Shapes and mixture of the training batches. Sizes are (height, width) in pixels."""

    batch_size: int = 8
    canvases: tuple[Size, ...] = ((512, 512), (512, 320), (320, 512), (512, 384), (384, 512))
    patch: int = 256  # side of M-Net's patch
    unknown_radius: float = 0.018  # of the trimap's dilation, of the canvas' short side
    seed: int = 0
    mix: MixConfig = field(default_factory=MixConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise SpecError(f"got batch_size {self.batch_size}; at least 1 is wanted")
        if self.patch > min(min(canvas) for canvas in self.canvases):
            raise SpecError(f"got patch {self.patch}; it must fit into every canvas of {self.canvases}")


POOLS = ("cutout", "photo", "recomposed", "mask", "nobody")  # the fields of MixConfig
KIND_OF_POOL = {"recomposed": "photo", "nobody": "background"}


class ComposedDataset(Dataset[dict[str, Tensor]]):
    """Examples by number, made on the fly; the canvas changes from batch to batch."""

    def __init__(self, pack: Pack, config: DataConfig, *, held_out: bool) -> None:
        """Sort the pack's samples by kind.

        Raises:
            SpecError: the pack has no people or no backgrounds on this side of the split.
        """
        self.pack = pack
        self.config = config
        self.by_kind = {kind: pack.of(kind, held_out=held_out) for kind in ("cutout", "photo", "mask", "background")}
        shares = [getattr(config.mix, pool) if self.by_kind[KIND_OF_POOL.get(pool, pool)] else 0.0 for pool in POOLS]
        if not self.by_kind["background"] or sum(shares) == shares[POOLS.index("nobody")]:
            raise SpecError(f"{pack.folder} lacks people or backgrounds to compose; pack more of them")
        self.shares = np.array(shares) / sum(shares)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Make example `number`.

        Returns:
            image, foreground, background: (3, H, W) uint8; alpha, sure: (1, H, W) float32 in 0..1; trimap: (3, H, W)
            float32 one-hot; corner: (2,), top and left of M-Net's patch; exact: whether alpha's soft edges are exact;
            number.
        """
        cv2.setNumThreads(0)
        config = self.config
        batch_rng = np.random.default_rng([config.seed, 1, number // config.batch_size])
        canvas = config.canvases[batch_rng.integers(len(config.canvases))]
        rng = np.random.default_rng([config.seed, 2, number])
        pool = int(rng.choice(len(POOLS), p=self.shares))
        example = self._example(POOLS[pool], canvas, rng)
        radius = max(2, round(config.unknown_radius * min(canvas)))
        top, left = _patch_corner(example.alpha, config.patch, rng)
        return {
            "image": _planes(example.image),
            "foreground": _planes(example.foreground),
            "background": _planes(example.background),
            "alpha": torch.from_numpy(example.alpha)[None],
            "sure": torch.from_numpy(example.sure)[None],
            "trimap": torch.from_numpy(true_trimap(example.alpha, radius)),
            "corner": torch.tensor([top, left]),
            "exact": torch.tensor(POOLS[pool] == "cutout"),
            "number": torch.tensor(number),
        }

    def _example(self, pool: str, canvas: Size, rng: Generator) -> Example:
        augment = self.config.augment
        match pool:
            case "cutout":
                return self._composed("cutout", canvas, rng)
            case "recomposed":
                return self._composed("photo", canvas, rng)
            case "nobody":
                return empty_example(self.pack.read(self._draw("background", rng)), canvas, augment, rng)
            case _:
                return photo_example(self.pack.read(self._draw(pool, rng)), canvas, augment, rng)

    def _composed(self, kind: str, canvas: Size, rng: Generator) -> Example:
        augment = self.config.augment
        people = [self.pack.read(self._draw(kind, rng))]
        if rng.random() < augment.second_person:
            other = "cutout" if self.by_kind["cutout"] else kind
            people.append(self.pack.read(self._draw(other, rng)))
        ground = self.pack.read(self._draw("background", rng))
        return composed_example(people, ground, canvas, augment, rng)

    def _draw(self, kind: str, rng: Generator) -> Sample:
        samples = self.by_kind[kind]
        weights = np.array([sample.weight for sample in samples])
        return samples[int(rng.choice(len(samples), p=weights / weights.sum()))]


class _Numbers(Sampler[list[int]]):
    """Batches of consecutive numbers, from a step on, without end."""

    def __init__(self, batch_size: int, first_step: int) -> None:
        self.batch_size = batch_size
        self.first_step = first_step

    def __iter__(self) -> Iterator[list[int]]:
        step = self.first_step
        while True:
            yield list(range(step * self.batch_size, (step + 1) * self.batch_size))
            step += 1


def endless_batches(dataset: ComposedDataset, first_step: int, num_workers: int) -> Iterator[dict[str, Tensor]]:
    """The batches of a training run from `first_step` on."""
    loader = DataLoader(
        dataset,
        batch_sampler=_Numbers(dataset.config.batch_size, first_step),
        num_workers=num_workers,
        prefetch_factor=4 if num_workers else None,
        worker_init_fn=_outlive_signals,
    )
    return iter(loader)


def _outlive_signals(worker: int) -> None:
    """Leave SIGINT and SIGTERM, which a terminal sends to all processes, to the main one: it saves first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _patch_corner(alpha: np.ndarray, patch: int, rng: Generator) -> tuple[int, int]:
    """Top and left of a patch around a random pixel of the transition; anywhere if there is none."""
    height, width = alpha.shape
    rows, columns = np.nonzero(transition(alpha))
    if rows.size:
        pick = rng.integers(rows.size)
        centre = (rows[pick], columns[pick])
    else:
        centre = (rng.integers(height), rng.integers(width))
    jitter = rng.integers(-patch // 3, patch // 3 + 1, 2)
    top = int(np.clip(centre[0] + jitter[0] - patch // 2, 0, height - patch))
    left = int(np.clip(centre[1] + jitter[1] - patch // 2, 0, width - patch))
    return top, left


def _planes(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def first_examples(dataset: ComposedDataset, num_examples: int) -> Iterator[dict[str, Tensor]]:
    """The first examples of a dataset, in batches: a fixed set to validate on."""
    size = dataset.config.batch_size
    numbers = [list(range(start, min(start + size, num_examples))) for start in range(0, num_examples, size)]
    return iter(DataLoader(dataset, batch_sampler=numbers))

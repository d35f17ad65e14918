"""Training examples by number: example n is the same in every run, whoever asks and in whatever order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from shm_deploy.errors import SpecError
from shm_train.data.augment import AugmentConfig
from shm_train.data.compose import Example, composed_example, empty_example, photo_example
from shm_train.data.placing import Size
from shm_train.data.samples import Kind, Pack, Sample
from shm_train.data.trimap import random_trimap, transition, true_trimap

MIN_PATCH = 16  # [px], M-Net's stride
NUM_SEEDS = 1 << 24  # each has 2^40 numbers below 2^64 to itself, see `shm_train.stages.step`


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
    patches: tuple[int, ...] = (256,)  # sides of the squares that are cut out for M-Net, one drawn per example ...
    patch_size: int = 256  # ... and the side to which they are resized
    unknown_radius: float = 0.018  # of the trimap's dilation, of the canvas' short side
    mnet_radius: tuple[float, float] = (0.004, 0.04)  # of the random trimaps of M-Net alone, of the same
    seed: int = 0
    mix: MixConfig = field(default_factory=MixConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise SpecError(f"got batch_size {self.batch_size}; at least 1 is wanted")
        if not 0 <= self.seed < NUM_SEEDS:
            raise SpecError(f"got seed {self.seed}; 0 to {NUM_SEEDS - 1} is wanted")
        if not self.canvases or not self.patches:
            raise SpecError(f"got canvases {self.canvases} and patches {self.patches}; at least one each is wanted")
        if not 0 <= self.mnet_radius[0] <= self.mnet_radius[1]:
            raise SpecError(f"got mnet_radius {self.mnet_radius}; a range, lowest first, is wanted")
        if min(*self.patches, self.patch_size) < MIN_PATCH:
            raise SpecError(f"got patches {self.patches}, resized to {self.patch_size}; at least {MIN_PATCH} is wanted")


Pool = Literal["cutout", "photo", "recomposed", "mask", "nobody"]
KIND_OF_POOL: dict[Pool, Kind] = {  # the fields of MixConfig, and what they are made of
    "cutout": "cutout",
    "photo": "photo",
    "recomposed": "photo",
    "mask": "mask",
    "nobody": "background",
}


class Draw(NamedTuple):
    """What one example is made of."""

    pool: Pool
    people: tuple[Sample, ...]
    background: Sample | None

    @property
    def exact(self) -> bool:
        """Whether alpha's soft edges are the truth."""
        return bool(self.people) and all(person.kind == "cutout" or person.exact for person in self.people)

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All of them."""
        return self.people if self.background is None else (*self.people, self.background)


class ComposedDataset(Dataset[dict[str, Tensor]]):
    """Examples by number, made on the fly; the canvas changes from batch to batch."""

    def __init__(self, pack: Pack, config: DataConfig, *, held_out: bool, num_patches: int = 0) -> None:
        """Sort the pack's samples by kind.

        Args:
            pack: the pictures.
            config: shapes and mixture.
            held_out: the side of the split.
            num_patches: for M-Net, of each example.

        Raises:
            SpecError: the pack has no people or no backgrounds on this side of the split, or patches are wanted that
                do not fit into every canvas.
        """
        if num_patches and max(config.patches) > min(min(canvas) for canvas in config.canvases):
            raise SpecError(f"got patches {config.patches}; they must fit into every canvas of {config.canvases}")
        self.pack = pack
        self.config = config
        self.num_patches = num_patches
        self.by_kind = {kind: pack.of(kind, held_out=held_out) for kind in get_args(Kind)}
        self.cumulative = {
            kind: np.cumsum([sample.weight for sample in samples]) for kind, samples in self.by_kind.items()
        }
        shares = {pool: getattr(config.mix, pool) if self.by_kind[kind] else 0.0 for pool, kind in KIND_OF_POOL.items()}
        if not self.by_kind["background"] or sum(shares.values()) == shares["nobody"]:
            side = "held-out" if held_out else "training"
            raise SpecError(
                f"{pack.folder} has {self._counts()} {side} samples, too few for {config.mix}: "
                "people and backgrounds are wanted; pack more of them"
            )
        self.pools = list(shares)
        self.shares = np.array(list(shares.values())) / sum(shares.values())

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Make example `number`.

        Returns:
            image, foreground, background: (3, H, W) uint8; alpha, sure: (1, H, W) float32 in 0..1; trimap, for T-Net,
            and mnet_trimap, of random width: (3, H, W) float32 one-hot; patches: (K, 3), top, left and side of M-Net's
            patches; exact: whether alpha's soft edges are exact; soft: whether alpha is a matte, not a hard mask, which
            only L_t may learn from; number.
        """
        cv2.setNumThreads(0)
        config = self.config
        batch_rng = np.random.default_rng([config.seed, 1, number // config.batch_size])
        canvas = config.canvases[batch_rng.integers(len(config.canvases))]
        rng = self._generator(number)
        drawn = self._draw(rng)
        example = self._example(drawn, canvas, rng)
        short_side = min(canvas)
        radius = max(2, round(config.unknown_radius * short_side))
        radii = (config.mnet_radius[0] * short_side, config.mnet_radius[1] * short_side)
        edges = np.argwhere(transition(example.alpha))
        patches = [_patch(example.alpha.shape, edges, config.patches, rng) for _ in range(self.num_patches)]
        return {
            "image": _planes(example.image),
            "foreground": _planes(example.foreground),
            "background": _planes(example.background),
            "alpha": torch.from_numpy(example.alpha)[None],
            "sure": torch.from_numpy(example.sure)[None],
            "trimap": torch.from_numpy(true_trimap(example.alpha, radius)),
            "mnet_trimap": torch.from_numpy(random_trimap(example.alpha, radii, self._generator(number, 3))),
            "patches": torch.tensor(patches),
            "exact": torch.tensor(drawn.exact),
            "soft": torch.tensor(drawn.pool != "mask"),
            "number": torch.tensor(number),
        }

    def draw(self, number: int) -> Draw:
        """What example `number` is made of."""
        return self._draw(self._generator(number))

    def _generator(self, number: int, stream: int = 2) -> Generator:
        """Each stream of chance by itself: how many numbers one takes changes nothing in the others."""
        return np.random.default_rng([self.config.seed, stream, number])

    def _draw(self, rng: Generator) -> Draw:
        pool = self.pools[int(rng.choice(len(self.pools), p=self.shares))]
        match pool:
            case "nobody":
                return Draw(pool, (), self._sample("background", rng))
            case "photo" | "mask":
                return Draw(pool, (self._sample(pool, rng),), None)
            case "cutout" | "recomposed":
                kind = KIND_OF_POOL[pool]
                people = [self._sample(kind, rng)]
                if rng.random() < self.config.augment.second_person:
                    people.append(self._sample("cutout" if self.by_kind["cutout"] else kind, rng))
                return Draw(pool, tuple(people), self._sample("background", rng))

    def _sample(self, kind: Kind, rng: Generator) -> Sample:
        cumulative = self.cumulative[kind]
        return self.by_kind[kind][int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))]

    def _example(self, drawn: Draw, canvas: Size, rng: Generator) -> Example:
        augment = self.config.augment
        people = [self.pack.read(sample) for sample in drawn.people]
        if drawn.background is None:
            return photo_example(people[0], canvas, augment, rng)
        background = self.pack.read(drawn.background)
        if not people:
            return empty_example(background, canvas, augment, rng)
        return composed_example(people, background, canvas, augment, rng)

    def _counts(self) -> str:
        return ", ".join(f"{len(samples)} {kind}" for kind, samples in self.by_kind.items())


class _Numbers(Sampler[list[int]]):
    """Batches of consecutive numbers, or one process' share of each, from a step on, without end."""

    def __init__(self, batch_size: int, first_step: int, rank: int, num_processes: int) -> None:
        self.batch_size = batch_size
        self.first_step = first_step
        self.rank = rank
        self.share = batch_size // num_processes

    def __iter__(self) -> Iterator[list[int]]:
        step = self.first_step
        while True:
            first = step * self.batch_size + self.rank * self.share
            yield list(range(first, first + self.share))
            step += 1


def endless_batches(
    dataset: ComposedDataset, first_step: int, num_workers: int, rank: int = 0, num_processes: int = 1
) -> Iterator[dict[str, Tensor]]:
    """The batches of a training run from `first_step` on.

    Args:
        dataset: what they are made of.
        first_step: number of the first batch.
        num_workers: processes that make examples; 0 makes them here.
        rank: of this process among those that train together ...
        num_processes: ... and how many they are; a divisor of the batch, of which each gets its share.
    """
    cv2.setNumThreads(0)  # here already: workers that inherit OpenCV's pool of threads would wait for it for ever
    loader = DataLoader(
        dataset,
        batch_sampler=_Numbers(dataset.config.batch_size, first_step, rank, num_processes),
        num_workers=num_workers,
        prefetch_factor=4 if num_workers else None,
        worker_init_fn=_outlive_signals,
        generator=torch.Generator(),  # or making the loader draws from the generator that a resumed run restores
    )
    return iter(loader)


def _outlive_signals(worker: int) -> None:
    """Leave SIGINT and SIGTERM, which a terminal sends to all processes, to the main one: it saves first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _patch(
    canvas: tuple[int, ...], edges: NDArray[np.int64], sides: tuple[int, ...], rng: Generator
) -> tuple[int, int, int]:
    """Top, left and side of a patch around a random pixel of the transition; anywhere if there is none.

    Args:
        canvas: height and width [px].
        edges: (n, 2), row and column of the pixels of the transition.
        sides: to choose from [px].
        rng: for the choice.
    """
    side = sides[rng.integers(len(sides))]
    height, width = canvas
    centre = edges[rng.integers(len(edges))] if len(edges) else (rng.integers(height), rng.integers(width))
    jitter = rng.integers(-side // 3, side // 3 + 1, 2)
    top = int(np.clip(centre[0] + jitter[0] - side // 2, 0, height - side))
    left = int(np.clip(centre[1] + jitter[1] - side // 2, 0, width - side))
    return top, left, side


def _planes(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))


def first_examples(dataset: ComposedDataset, num_examples: int) -> Iterator[dict[str, Tensor]]:
    """The first examples of a dataset, in batches: a fixed set to validate on."""
    size = dataset.config.batch_size
    numbers = [list(range(start, min(start + size, num_examples))) for start in range(0, num_examples, size)]
    return iter(DataLoader(dataset, batch_sampler=numbers, generator=torch.Generator()))

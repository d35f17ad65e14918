"""The paper's composites, written to disk: each foreground over backgrounds that are used once.

Source: Chen et al. 2018, section 3 and Table 2.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from shm_deploy.compositing import composite
from shm_deploy.errors import SpecError
from shm_train.data.layout import GROUPS_FILE, key_of
from shm_train.data.pictures import write_whole
from shm_train.data.samples import Pack, Sample

Side = Literal["train", "test"]


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """How many backgrounds each foreground gets; 0 leaves it out."""

    train: int = 1
    test: int = 1


@dataclass(frozen=True, kw_only=True)
class CompositesConfig:
    """What is composed, and how it is stored."""

    grounds: Grounds = field(default_factory=Grounds)
    grounds_of: dict[str, Grounds] = field(default_factory=dict)  # of the foregrounds of some sources
    seed: int = 0
    jpeg_quality: int = 95

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise SpecError(f"got seed {self.seed}; 0 or more is wanted")

    def of(self, source: str, side: Side) -> int:
        """Backgrounds for each foreground of a source."""
        grounds = self.grounds_of.get(source, self.grounds)
        return grounds.train if side == "train" else grounds.test


class Composite(NamedTuple):
    """One picture to be made."""

    side: Side
    person: Sample
    ground: Sample
    seed: tuple[int, int, int]  # of the background's place

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.person.key}--{self.ground.key}"


def plan_composites(pack: Pack, config: CompositesConfig) -> list[Composite]:
    """Which foreground comes over which background, the same each time.

    Foregrounds that the pack holds out are for tests, and so are its held-out backgrounds.

    Raises:
        SpecError: there are no foregrounds with true alphas, an unknown source was named, or backgrounds are too few.
    """
    people = [*pack.of("cutout", held_out=False), *pack.of("cutout", held_out=True)]
    people += [sample for sample in pack.samples if sample.kind == "photo" and sample.exact]
    sources = {sample.source for sample in people}
    unknown = sorted(config.grounds_of.keys() - sources)
    if unknown or not people:
        raise SpecError(f"{pack.folder} has foregrounds with true alphas of {sorted(sources)}; got {unknown}")
    planned: list[Composite] = []
    for number, side in enumerate(get_args(Side)):
        held_out = side == "test"
        wanted = [
            sample for sample in people if sample.held_out == held_out for _ in range(config.of(sample.source, side))
        ]
        grounds = pack.of("background", held_out=held_out)
        if len(wanted) > len(grounds):
            raise SpecError(
                f"{len(wanted)} backgrounds are wanted for the {side} side, and each is used once, but {pack.folder} "
                f"has {len(grounds)} there: pack more, or ask for fewer"
            )
        order = np.random.default_rng([config.seed, number]).permutation(len(grounds))
        planned += [
            Composite(side, person, grounds[place], (config.seed, number, index))
            for index, (person, place) in enumerate(zip(wanted, order, strict=False))
        ]
    return planned


def write_composites(
    pack: Pack,
    planned: Sequence[Composite],
    folder: Path,
    config: CompositesConfig,
    num_threads: int,
    done: Callable[[int], None],
) -> None:
    """Write `train/` and `test/`, each with image/, alpha/, fg/ and groups.json, and a list of each, which comes last.

    Args:
        pack: foregrounds and backgrounds.
        planned: what `plan_composites` says.
        folder: where to; new or empty.
        config: how.
        num_threads: that work at once.
        done: called with the number of pictures done so far.

    Raises:
        SpecError: the folder is not empty.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SpecError(f"{folder} is not empty; give a new folder, or delete it first")

    def write(made: Composite) -> None:
        _write(pack, folder / made.side, made, config.jpeg_quality)

    with ThreadPoolExecutor(num_threads) as pool:
        for count, _ in enumerate(pool.map(write, planned), start=1):
            done(count)
    for side in get_args(Side):
        _write_list(folder, side, [made for made in planned if made.side == side])


def _write(pack: Pack, folder: Path, made: Composite, quality: int) -> None:
    person = pack.read(made.person)
    size = (person.alpha.shape[0], person.alpha.shape[1])
    ground = _cover(pack.read(made.ground).image, size, np.random.default_rng(made.seed))
    place = Path(made.person.source) / made.name
    write_whole(
        _at(folder, "image", place, ".jpg"), composite(person.foreground, person.alpha, ground), quality=quality
    )
    write_whole(_at(folder, "fg", place, ".jpg"), person.foreground, quality=quality)
    write_whole(_at(folder, "alpha", place, ".png"), person.alpha)


def _at(folder: Path, kind: str, place: Path, suffix: str) -> Path:
    return (folder / kind / place).with_name(place.name + suffix)  # names may have dots


def _cover(ground: NDArray[np.uint8], size: tuple[int, int], rng: Generator) -> NDArray[np.uint8]:
    """(H, W, 3) of `size` (height, width): the background, scaled until it covers that, cut out at random."""
    scale = max(size[0] / ground.shape[0], size[1] / ground.shape[1])
    height, width = (max(size[axis], round(ground.shape[axis] * scale)) for axis in (0, 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(ground, (width, height), interpolation=method)
    top, left = rng.integers(height - size[0] + 1), rng.integers(width - size[1] + 1)
    return np.ascontiguousarray(scaled[top : top + size[0], left : left + size[1]])


def _write_list(folder: Path, side: Side, made: Sequence[Composite]) -> None:
    groups = {key_of(one.person.source, one.name): one.person.group for one in made}
    (folder / side).mkdir(exist_ok=True)
    (folder / side / GROUPS_FILE).write_text(json.dumps(groups, indent=0) + "\n")
    with (folder / f"{side}.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("image", "foreground", "background"))
        writer.writerows(_rows(side, made))


def _rows(side: Side, made: Sequence[Composite]) -> Iterator[tuple[str, str, str]]:
    for one in made:
        yield f"{side}/image/{one.person.source}/{one.name}.jpg", one.person.key, one.ground.key

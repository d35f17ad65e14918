"""The pictures on which models are judged, with what is right for them; the same on every machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import ArtifactError, SpecError
from shm_train.data.augment import UNCHANGED
from shm_train.data.compose import composed_example
from shm_train.data.layout import pictures_by_name
from shm_train.data.pictures import read_colours, read_plane
from shm_train.data.samples import Pack, Sample

Item = TypeVar("Item")

COMPOSED = "soft"  # the set of cut-outs with exact alphas, composed over grounds with nobody in them
SEEN = "seen"  # the same of people in training's half, over held-out grounds: what is learned by heart is better there
FOLDER = "folder"
SEED = 20
GROUNDS_PER_CUTOUT = 8  # with two, ratios of models went from 0.7 to 1.2, by which grounds the seed drew
CUTOUTS_PER_SOURCE = 12  # evenly taken: the frames of a clip are nearly one picture
CANVASES = ((480, 640), (640, 480), (640, 640))  # (height, width), in turn

# Scale and place are drawn; nothing else is changed.
PLACEMENT = replace(UNCHANGED, max_enlargement=1.25, figure=(0.6, 1.1))


class Scene(NamedTuple):
    """A picture and what is right for it."""

    image: NDArray[np.uint8]  # (H, W, 3) RGB
    truth: NDArray[np.float32]  # (H, W) in 0..1
    sure: NDArray[np.bool_]  # (H, W), where the truth is to be trusted


@dataclass(frozen=True)
class Case:
    """One picture of a set; it is made when it is asked for."""

    set_name: str
    source: str
    key: str
    scene: Callable[[], Scene]


def find_cases(data: Path, limit: int | None) -> list[Case]:
    """The cases of a folder: a pack's held-out cut-outs, composed, or the pictures of `image/` and `alpha/`.

    Args:
        data: a pack, or a folder with `image/` and `alpha/`, whose pictures have the same places and names in both.
        limit: most cases, evenly taken; None for all.

    Raises:
        ArtifactError: it is neither.
        SpecError: nothing in it can be judged by.
    """
    cases = folder_cases(data) if (data / "image").is_dir() else composed_cases(Pack(data))
    if not cases:
        raise SpecError(
            f"{data} has no held-out cut-out, or no background for it; pack more, or give image/ and alpha/"
        )
    return evenly(cases, limit)


def composed_cases(pack: Pack, seed: int = SEED) -> list[Case]:
    """Held-out cut-outs of a pack over held-out grounds; the seed draws which, and where; no grounds, no cases."""
    return _over_grounds(pack, COMPOSED, pack.of("cutout", held_out=True), seed)


def seen_cases(pack: Pack, seed: int = SEED) -> list[Case]:
    """Some of training's cut-outs over held-out grounds."""
    return _over_grounds(pack, SEEN, pack.of("cutout", held_out=False), seed)


def _over_grounds(pack: Pack, set_name: str, people: Sequence[Sample], seed: int) -> list[Case]:
    by_source = defaultdict(list)
    for sample in people:
        by_source[sample.source].append(sample)
    grounds = pack.of("background", held_out=True)
    if not grounds:
        return []
    order = np.random.default_rng(seed).permutation(len(grounds))
    cases: list[Case] = []
    for source, samples in sorted(by_source.items()):
        for sample in evenly(samples, CUTOUTS_PER_SOURCE):
            for _ in range(GROUNDS_PER_CUTOUT):
                index = len(cases)
                ground = grounds[order[index % len(grounds)]]
                scene = partial(_composed, pack, sample, ground, (seed, index))
                cases.append(Case(set_name, source, f"{sample.key} over {ground.key}", scene))
    return cases


def folder_cases(folder: Path) -> list[Case]:
    """The pictures of `image/`, each with its alpha in `alpha/`.

    Raises:
        ArtifactError: a picture has no partner, or two that differ in nothing but their suffix.
    """
    images, alphas = (pictures_by_name(folder / name) for name in ("image", "alpha"))
    twins = [paths for named in (images, alphas) for paths in named.values() if len(paths) > 1]
    if twins:
        raise ArtifactError(f"{twins[0][1]} has the name of {twins[0][0].name}: remove one of each such pair")
    lonely = sorted(images.keys() ^ alphas.keys())
    if lonely:
        raise ArtifactError(
            f"{folder}: {len(lonely)} pictures are only in image/ or only in alpha/, such as {lonely[0]}; "
            "each needs its partner by the same name"
        )
    return [
        Case(FOLDER, str(Path(name).parent), name, partial(_read, image, alphas[name][0]))
        for name, (image,) in sorted(images.items())
    ]


def evenly(items: Sequence[Item], most: int | None) -> list[Item]:
    """At most `most` of the items, spread over all of them, in their order."""
    if most is None or len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def _composed(pack: Pack, person: Sample, ground: Sample, draw: tuple[int, int]) -> Scene:
    canvas = CANVASES[draw[1] % len(CANVASES)]
    rng = np.random.default_rng(draw)
    example = composed_example([pack.read(person)], pack.read(ground), canvas, PLACEMENT, rng)
    return Scene(example.image, example.alpha, np.ones(canvas, np.bool_))


def _read(image: Path, alpha: Path) -> Scene:
    pixels, truth = np.ascontiguousarray(read_colours(image)[..., :3]), read_plane(alpha)
    if truth.shape != pixels.shape[:2]:
        raise ArtifactError(
            f"{image} has {pixels.shape[1]}x{pixels.shape[0]} px and {alpha} {truth.shape[1]}x{truth.shape[0]}; "
            "they must be of one size"
        )
    return Scene(pixels, np.divide(truth, 255, dtype=np.float32), np.ones(truth.shape, np.bool_))

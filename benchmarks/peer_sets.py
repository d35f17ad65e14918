"""The pictures on which models are compared: of the held-out half of a pack, the same on every machine.

`soft`: cut-outs with exact alphas, composed over grounds with nobody in them. `whole_body`: photographs with hard
masks made by people, unsure along the edge. `upper_body`: crops of those. `agreement`: photographs with teachers'
labels, which are no truth. `empty`: nobody is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import SpecError
from shm_train.data.compose import AugmentConfig, composed_example
from shm_train.data.samples import Pack, Sample

Item = TypeVar("Item")

SETS = ("soft", "whole_body", "upper_body", "agreement", "empty")
SEED = 20
GROUNDS_PER_CUTOUT = 2
CUTOUTS_PER_SOURCE = 12  # evenly taken: the frames of a clip are nearly one picture
CANVASES = ((480, 640), (640, 480), (640, 640))  # (height, width), in turn
MIN_CROP = 128  # side of an upper-body crop [px]; below, too little of the person is left to judge

# Seen by eye: these grounds do show people (a pilot, a skier, three astronauts, riders), so neither set may use them.
PEOPLED_GROUNDS = ("bsds500-146074", "bsds500-225017", "bsds500-323016", "bsds500-361084")

# Scale and place are drawn; nothing else is changed.
PLACEMENT = AugmentConfig(
    flip=0,
    aspect=(1, 1),
    crop=(1, 1),
    max_enlargement=1.25,
    rotation=0,
    figure=(0.6, 1.1),
    second_person=0,
    blurred_background=0,
    gain=(1, 1),
    gamma=(1, 1),
    colour=(1, 1),
    contrast=(1, 1),
    offset=0,
    low_light=0,
    grey=0,
    noise=0,
    blur=0,
    jpeg=0,
)


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


def held_out_cases(pack: Pack, limit: int | None) -> list[Case]:
    """Every case, set by set.

    Args:
        pack: its held-out samples are used, no others.
        limit: most cases of a set, evenly taken; None for all.

    Raises:
        SpecError: a set has no picture in this pack.
    """
    cases = [
        *_soft(pack),
        *(Case("whole_body", s.source, s.key, partial(_labelled, pack, s)) for s in pack.of("mask", held_out=True)),
        *_upper_bodies(pack),
        *(Case("agreement", s.source, s.key, partial(_labelled, pack, s)) for s in pack.of("photo", held_out=True)),
        *(Case("empty", s.source, s.key, partial(_labelled, pack, s)) for s in _grounds(pack)),
    ]
    by_set = {name: [case for case in cases if case.set_name == name] for name in SETS}
    for name, found in by_set.items():
        if not found:
            raise SpecError(f"{pack.folder} has no held-out picture for the set {name!r}; pack more sources")
    return [case for found in by_set.values() for case in evenly(found, limit)]


def evenly(items: Sequence[Item], most: int | None) -> list[Item]:
    """At most `most` of the items, spread over all of them, in their order."""
    if most is None or len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def upper_body(alpha: NDArray[np.uint8]) -> tuple[slice, slice] | None:
    """Rows and columns of the upper half of a standing figure, with some ground around it.

    Args:
        alpha: (H, W) of one person.

    Returns:
        None where the figure is no standing one, or the crop would be small.
    """
    rows = np.flatnonzero((alpha > 127).any(1))
    if not rows.size:
        return None
    height = int(rows[-1] + 1 - rows[0])
    top = max(0, int(rows[0]) - height // 10)
    bottom = int(rows[0]) + height // 2
    columns = np.flatnonzero((alpha[top:bottom] > 127).any(0))
    figure_width = int(columns[-1] + 1 - columns[0])
    left = max(0, int(columns[0]) - height // 10)
    right = min(alpha.shape[1], int(columns[-1]) + 1 + height // 10)
    if height < 1.5 * figure_width or min(bottom - top, right - left) < MIN_CROP:
        return None
    return slice(top, bottom), slice(left, right)


def _soft(pack: Pack) -> list[Case]:
    by_source = defaultdict(list)
    for sample in pack.of("cutout", held_out=True):
        by_source[sample.source].append(sample)
    grounds = _grounds(pack)
    if not grounds:
        return []
    order = np.random.default_rng(SEED).permutation(len(grounds))
    cases: list[Case] = []
    for source, samples in sorted(by_source.items()):
        for sample in evenly(samples, CUTOUTS_PER_SOURCE):
            for _ in range(GROUNDS_PER_CUTOUT):
                index = len(cases)
                ground = grounds[order[index % len(grounds)]]
                scene = partial(_composed, pack, sample, ground, index)
                cases.append(Case("soft", source, f"{sample.key} over {ground.key}", scene))
    return cases


def _grounds(pack: Pack) -> list[Sample]:
    return [sample for sample in pack.of("background", held_out=True) if sample.key not in PEOPLED_GROUNDS]


def _composed(pack: Pack, person: Sample, ground: Sample, index: int) -> Scene:
    canvas = CANVASES[index % len(CANVASES)]
    rng = np.random.default_rng((SEED, index))
    example = composed_example([pack.read(person)], pack.read(ground), canvas, PLACEMENT, rng)
    return Scene(example.image, example.alpha, np.ones(canvas, np.bool_))


def _upper_bodies(pack: Pack) -> list[Case]:
    cases = []
    for sample in pack.of("mask", held_out=True):
        crop = upper_body(pack.read(sample).alpha)
        if crop is not None:
            cases.append(Case("upper_body", sample.source, sample.key, partial(_cropped, pack, sample, crop)))
    return cases


def _cropped(pack: Pack, sample: Sample, crop: tuple[slice, slice]) -> Scene:
    whole = _labelled(pack, sample)
    return Scene(np.ascontiguousarray(whole.image[crop]), whole.truth[crop], whole.sure[crop])


def _labelled(pack: Pack, sample: Sample) -> Scene:
    picture = pack.read(sample)
    return Scene(picture.image, np.divide(picture.alpha, 255, dtype=np.float32), picture.sure > 127)

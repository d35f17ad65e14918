"""The pictures on which models are compared: of a pack's held-out part, the same on every machine.

`soft`: cut-outs with exact alphas, composed over grounds with nobody in them. `whole_body`: photographs with hard
masks made by people, unsure along the edge. `upper_body`: crops of those. `agreement`: photographs with teachers'
labels, which are no truth. `empty`: nobody is there. `seen`: people of training's half over held-out grounds, which
beside `soft` tells what our weights know by heart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import SpecError
from shm_train.data.samples import Kind, Pack, Sample
from shm_train.evaluation.cases import COMPOSED, SEED, SEEN, Case, Scene, composed_cases, evenly, seen_cases

SETS = (COMPOSED, "whole_body", "upper_body", "agreement", "empty", SEEN)
MIN_CROP = 128  # side of an upper-body crop [px]; below, too little of the person is left to judge


def held_out_cases(
    pack: Pack, limit: int | None, sets: Sequence[str] = SETS, seeds: Sequence[int] = (SEED,)
) -> list[Case]:
    """Every case, set by set.

    Args:
        pack: its held-out samples are used, and for `seen` its people that are not.
        limit: most cases of a set, evenly taken; None for all.
        sets: which of SETS are wanted.
        seeds: of the composites; by each, all people are laid over other grounds, at other places.

    Raises:
        SpecError: a set has no picture in this pack.
    """
    makers: dict[str, Callable[[], list[Case]]] = {
        COMPOSED: lambda: [case for seed in seeds for case in composed_cases(pack, seed)],
        "whole_body": lambda: _uncropped("whole_body", pack, "mask"),
        "upper_body": lambda: _upper_bodies(pack),
        "agreement": lambda: _uncropped("agreement", pack, "photo"),
        "empty": lambda: _uncropped("empty", pack, "background"),
        SEEN: lambda: [case for seed in seeds for case in seen_cases(pack, seed)],
    }
    cases: list[Case] = []
    for name in SETS:
        if name not in sets:
            continue
        found = makers[name]()
        if not found:
            raise SpecError(f"{pack.folder} has no held-out picture for the set {name!r}; pack more sources")
        cases += evenly(found, limit)
    return cases


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


def _uncropped(set_name: str, pack: Pack, kind: Kind) -> list[Case]:
    samples = pack.of(kind, held_out=True)
    return [Case(set_name, sample.source, sample.key, partial(_labelled, pack, sample)) for sample in samples]


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

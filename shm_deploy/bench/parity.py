"""How far a model's mattes are from the PyTorch reference's, on the same pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from shm_deploy import geometry, spec
from shm_deploy.backends.protocol import Backend, Parts
from shm_deploy.bench.pictures import Picture, Size
from shm_deploy.export.parity import parts_alpha
from shm_deploy.metrics import AlphaDifference, Quality, compare_alphas, quality, unit_alpha

METHOD = (
    "Both run the joined graph, uint8 in and out, on the same pictures, scaled to cover the size and cut in the "
    "middle. mean: |Δα| over all pictures; p999: 99.9th percentile of the worst picture; maximum: of all; sad, mse, "
    "gradient, connectivity: the model's alpha against the reference's, mean over pictures. Alphas in 0..1. num_nan: "
    "pixels whose class probabilities do not sum to 1 (bytes hold no NaN; that is how one shows)."
)
# Three probabilities, each rounded to a byte at T-Net's size and once more when enlarged, sum to 255 within it.
ROUNDING = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class Answer:
    """What a model gave for one picture."""

    alpha: NDArray[np.float32]  # (H, W) in 0..1
    num_nan: int  # found where its bytes were; NaN in a float alpha is counted when it is compared


@dataclass(frozen=True, kw_only=True)
class Parity:
    """A model against the reference at one size."""

    width: int
    height: int
    num_images: int
    difference: AlphaDifference
    against_reference: Quality  # the model's alpha judged as if the reference's were true
    quality: Quality | None  # of the model's alpha against the true one; None without alphas
    reference_quality: Quality | None
    tolerance: spec.Tolerance
    passed: bool


def answers(backend: Backend, pictures: Sequence[Picture], size: Size) -> list[Answer]:
    """Matte every picture at the size that the network would see of it."""
    working = geometry.working_size(size)
    return [_answer(backend, picture.fitted(working).pixels) for picture in pictures]


def part_answers(parts: Parts, pictures: Sequence[Picture], size: Size) -> list[Answer]:
    """As `answers`, by T-Net, M-Net and fusion one after another in float32: nothing is rounded to bytes."""
    working = geometry.working_size(size)
    height, width = working
    frames = [geometry.pad_to_graph(picture.fitted(working).pixels) for picture in pictures]
    return [Answer(alpha=parts_alpha(parts, frame)[:height, :width], num_nan=0) for frame in frames]


def compare_answers(
    got: Sequence[Answer], wanted: Sequence[Answer], pictures: Sequence[Picture], size: Size, tolerance: spec.Tolerance
) -> Parity:
    """Compare a model's answers with the reference's, picture by picture.

    Args:
        got: the model's, from `answers`.
        wanted: the reference's, for the same pictures.
        pictures: with their alphas where they are known.
        size: (height, width) that both were asked for.
        tolerance: what the model promises.
    """
    height, width = geometry.working_size(size)
    pairs = list(zip(got, wanted, strict=True))
    difference = _pooled([compare_alphas(g.alpha, w.alpha) for g, w in pairs], sum(g.num_nan for g in got))
    truths = [picture.fitted((height, width)).alpha for picture in pictures]
    return Parity(
        width=width,
        height=height,
        num_images=len(pairs),
        difference=difference,
        against_reference=_mean_quality([quality(_numbers(g.alpha), _numbers(w.alpha)) for g, w in pairs]),
        quality=_quality(got, truths),
        reference_quality=_quality(wanted, truths),
        tolerance=tolerance,
        passed=difference.within(tolerance),
    )


def count_broken(trimap: NDArray[np.uint8]) -> int:
    """Pixels of a trimap (..., 3) whose probabilities, as bytes, do not sum to 255: a NaN was among them."""
    total = trimap.sum(axis=-1, dtype=np.int32)
    return int(np.count_nonzero(np.abs(total - 255) > ROUNDING))


def _answer(backend: Backend, frame: NDArray[np.uint8]) -> Answer:
    height, width = frame.shape[:2]
    mattes = backend.run(geometry.pad_to_graph(frame)[None])
    return Answer(
        alpha=unit_alpha(mattes.alpha[0, :height, :width]),
        num_nan=count_broken(mattes.trimap[0, :height, :width]),
    )


def _pooled(differences: Sequence[AlphaDifference], num_nan: int) -> AlphaDifference:
    """Over pictures of one size."""
    return AlphaDifference(
        mean=float(np.mean([difference.mean for difference in differences])),
        p999=max(difference.p999 for difference in differences),
        maximum=max(difference.maximum for difference in differences),
        num_nan=num_nan + sum(difference.num_nan for difference in differences),
    )


def _quality(got: Sequence[Answer], truths: Sequence[NDArray[np.float32] | None]) -> Quality | None:
    judged = [quality(_numbers(g.alpha), truth) for g, truth in zip(got, truths, strict=True) if truth is not None]
    return _mean_quality(judged) if judged else None


def _numbers(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the four errors take: NaN as 0, for it has been counted already."""
    return np.clip(np.nan_to_num(alpha), 0, 1)


def _mean_quality(qualities: Sequence[Quality]) -> Quality:
    rows = [asdict(each) for each in qualities]
    return Quality(**{name: float(np.mean([row[name] for row in rows])) for name in rows[0]})

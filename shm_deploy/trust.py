"""How far a matte can be trusted, read off T-Net's trimap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec

SAMPLED_EDGE = 256  # T-Net itself hardly resolves more; longer sides are sampled at even steps
NOBODY_SHARE = 0.002  # less of the frame than this that may be a person is nobody: 45 px square in 1000x1000


@dataclass(frozen=True, kw_only=True)
class Contact:
    """Share of each border of the frame that is foreground, 0..1: a person who is cut off there."""

    top: float
    right: float
    bottom: float
    left: float


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Figures that come free with every matte."""

    foreground_share: float  # of the frame that is surely a person, 0..1
    unknown_share: float  # of the frame that T-Net left to M-Net, 0..1
    unknown_entropy: float  # mean entropy of the classes there, 0 (sure that it is mixed) .. 1 (no idea at all)
    contact: Contact
    nobody: bool  # hardly a pixel may be a person


def trust_of(trimap: NDArray[np.uint8]) -> Trust:
    """Read the figures off a trimap.

    Args:
        trimap: (H, W, 3) uint8, softmax x 255, order F, B, U; of one frame, as `Matter.trimap` gives it.
    """
    step = max(1, -(-max(trimap.shape[:2]) // SAMPLED_EDGE))
    probabilities = trimap[::step, ::step].astype(np.float32) / 255
    likeliest = probabilities.argmax(axis=-1)
    unknown = likeliest == spec.UNKNOWN
    foreground = likeliest == spec.FOREGROUND
    return Trust(
        foreground_share=float(foreground.mean()),
        unknown_share=float(unknown.mean()),
        unknown_entropy=_mean_entropy(probabilities[unknown]),
        contact=Contact(
            top=_foreground_share(trimap[0]),
            right=_foreground_share(trimap[:, -1]),
            bottom=_foreground_share(trimap[-1]),
            left=_foreground_share(trimap[:, 0]),
        ),
        nobody=bool((foreground | unknown).mean() < NOBODY_SHARE),
    )


def _foreground_share(line: NDArray[np.uint8]) -> float:
    return float((line.argmax(axis=-1) == spec.FOREGROUND).mean())


def _mean_entropy(probabilities: NDArray[np.float32]) -> float:
    """(num, 3) -> mean Shannon entropy in units of its largest value, log 3."""
    if len(probabilities) == 0:
        return 0.0
    surprise = -probabilities * np.log(np.maximum(probabilities, 1e-9))
    return float(surprise.sum(axis=-1).mean() / np.log(len(spec.CLASSES)))

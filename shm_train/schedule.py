"""Learning rate over a run: linear warm-up, then down to a share of it."""

from __future__ import annotations

import math
from typing import Literal

Schedule = Literal["cosine", "linear", "poly"]

POLY_POWER = 0.9  # PSPNet's


def rate_factor(step: int, warmup_steps: int, progress: float, final: float, schedule: Schedule) -> float:
    """Factor of the learning rate.

    Args:
        step: from 0.
        warmup_steps: steps over which it rises.
        progress: share of the budget (steps or minutes) that is spent, in 0..1.
        final: factor at the end, in 0..1; 1 keeps the rate.
        schedule: the way down: half a cosine, a line, or (1 - progress)^0.9.
    """
    warmup = min(1.0, (step + 1) / max(warmup_steps, 1))
    progress = min(max(progress, 0.0), 1.0)
    match schedule:
        case "cosine":
            left = 0.5 * (1 + math.cos(math.pi * progress))
        case "linear":
            left = 1 - progress
        case "poly":
            left = (1 - progress) ** POLY_POWER
    return warmup * (final + (1 - final) * left)

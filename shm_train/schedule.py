"""Learning rate over a run: linear warm-up, then half a cosine down to a share of it."""

from __future__ import annotations

import math


def rate_factor(step: int, warmup_steps: int, progress: float, final: float) -> float:
    """Factor of the learning rate.

    Args:
        step: from 0.
        warmup_steps: steps over which it rises.
        progress: share of the budget (steps or minutes) that is spent, in 0..1.
        final: factor at the end, in 0..1; 1 keeps the rate.
    """
    warmup = min(1.0, (step + 1) / max(warmup_steps, 1))
    return warmup * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0))))

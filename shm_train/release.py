"""From the checkpoint of a run to the small file that ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from shm_deploy.errors import SpecError
from shm_train.checkpoint import load_checkpoint, save_checkpoint


def release(source: Path, target: Path) -> None:
    """Drop the training state and round the weights to half precision, once.

    Whatever is exported from `target` is made from these values, so that the checkpoint and its graphs agree.

    Raises:
        SpecError: a weight that half precision can't hold; its name is in the message.
    """
    checkpoint = load_checkpoint(source)
    weights = {name: x.half() if x.is_floating_point() else x for name, x in checkpoint.weights.items()}
    lost = [name for name, x in weights.items() if not torch.isfinite(x).all()]
    if lost:
        raise SpecError(f"{source} has weights outside half precision, in {', '.join(lost)}: train with weight decay")
    save_checkpoint(target, replace(checkpoint, weights=weights, training=None))

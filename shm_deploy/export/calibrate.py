"""Real activations for an untrained network, so that its parity means something.

A fresh network answers 0.5 everywhere, whatever happened to it on its way to an engine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from shm_deploy.export.photographs import cover
from shm_train.networks import SemanticHumanMatting

# All images are brought to one (height, width): batch norm over 1x1 bins needs several images at once.
SIZE = (256, 320)


def calibrate(network: SemanticHumanMatting, images: Sequence[NDArray[np.uint8]]) -> SemanticHumanMatting:
    """Set every batch norm to the statistics that photographs give it.

    Args:
        network: float32; changed in place, and left in evaluation mode.
        images: at least two (H, W, 3) uint8 RGB, of any sizes.

    Returns:
        The same network.
    """
    stacked = np.stack([cover(image, SIZE) for image in images])
    batch = torch.from_numpy(stacked).permute(0, 3, 1, 2).float()
    network.eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the statistics of what comes, not a mean with what was
            module.train()
    with torch.no_grad():
        network(batch)
    network.eval()
    return network

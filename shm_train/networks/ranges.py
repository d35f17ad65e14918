"""The largest activation of each layer on real photographs, against what half precision can hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shm_deploy import spec
from shm_train.networks.guided import GuidedFilter
from shm_train.networks.shm import SemanticHumanMatting


@dataclass(frozen=True, kw_only=True)
class LayerRange:
    """The largest magnitude that entered or left a layer, or that its weights have."""

    layer: str  # its name in the network, "mnet.encoder.features.0"
    activation: float
    weight: float

    @property
    def largest(self) -> float:
        return max(self.activation, self.weight)


@dataclass(frozen=True, kw_only=True)
class ActivationRanges:
    """Every layer, in the order in which they run."""

    layers: tuple[LayerRange, ...]

    @property
    def largest(self) -> LayerRange:
        return max(self.layers, key=lambda layer: layer.largest)

    @property
    def first_overflow(self) -> LayerRange | None:
        """The first layer with a value that half precision can't hold; NaN counts."""
        return next((layer for layer in self.layers if not layer.largest <= spec.FP16_MAX), None)

    def record(self) -> dict[str, Any]:
        """Plain values, for a sidecar or a log."""
        overflow = self.first_overflow
        return {
            "fp16_max": spec.FP16_MAX,
            "largest": self.largest.largest,
            "largest_layer": self.largest.layer,
            "first_overflow": None if overflow is None else overflow.layer,
            "layers": {layer.layer: layer.largest for layer in self.layers},
        }


def measure_ranges(folded: SemanticHumanMatting, images: Iterable[NDArray[np.uint8]]) -> ActivationRanges:
    """Run images through the folded network and keep the largest magnitude at each layer.

    Folded, because that is what runs in half precision: a convolution whose batch norm follows gives other numbers. The
    guided filter is left out: it computes in float32 always.

    Args:
        folded: float32, in evaluation mode (`fold`).
        images: (H, W, 3) uint8 RGB each, of any sizes.
    """
    activations: dict[str, float] = {}
    names = {
        module: name
        for name, module in folded.named_modules()
        if not list(module.children()) and not isinstance(module, GuidedFilter)
    }

    def enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:  # before an in-place layer overwrites them
        activations[names[module]] = max(activations.get(names[module], 0.0), _largest(inputs))

    def leave(module: nn.Module, _: Any, output: Any) -> None:
        activations[names[module]] = max(activations[names[module]], _largest((output,)))

    hooks = [module.register_forward_pre_hook(enter) for module in names]
    hooks += [module.register_forward_hook(leave) for module in names]
    device = next(folded.parameters()).device
    with torch.inference_mode():
        for image in images:
            folded(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32)).to(device))
    for hook in hooks:
        hook.remove()
    weights = {name: _largest(tuple(module.parameters())) for module, name in names.items()}
    return ActivationRanges(
        layers=tuple(
            LayerRange(layer=name, activation=activation, weight=weights[name])
            for name, activation in activations.items()
        )
    )


def _largest(values: tuple[Any, ...]) -> float:
    """The largest magnitude in any of the floating-point tensors; infinite where one is NaN."""
    largest = 0.0
    for value in values:
        if isinstance(value, Tensor) and value.is_floating_point() and value.numel():
            magnitude = float(value.abs().max())
            largest = max(largest, magnitude if magnitude == magnitude else float("inf"))
    return largest

"""The ways to an alpha that are compared: a network, and classical matting on a trimap."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm_deploy import spec
from shm_deploy.errors import BackendUnavailable, SpecError
from shm_train.data.trimap import true_trimap
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.config import TNET_ALONE
from shm_train.networks.ops import resize

Image = NDArray[np.uint8]  # (H, W, 3) RGB
Plane = NDArray[np.float32]  # (H, W) in 0..1
Trimap = NDArray[np.float32]  # (3, H, W), order F, B, U

# `network`: as it is. `cf`, `knn`: closed-form and KNN matting on T-Net's likeliest classes. `true-...`: on the true
# trimap, made as T-Net learns it; `true-mnet` is the network with that in T-Net's place.
Method = Literal["network", "cf", "knn", "true-mnet", "true-cf", "true-knn"]
NAMES: dict[Method, str] = {
    "network": "network",
    "cf": "T-Net + closed form",
    "knn": "T-Net + KNN",
    "true-mnet": "true trimap + M-Net",
    "true-cf": "true trimap + closed form",
    "true-knn": "true trimap + KNN",
}


class Prediction(NamedTuple):
    """What a method says of an image; arrays of its size, the caller's own."""

    alpha: Plane
    trimap: Trimap
    alpha_raw: Plane


Predict = Callable[[Image, Plane], Prediction]  # image, true alpha (for the true trimap alone) -> prediction


def predictor(network: SemanticHumanMatting, method: Method, unknown_radius: float) -> Predict:
    """A method as a function.

    Args:
        network: in evaluation mode, on the device to be used.
        method: which one.
        unknown_radius: of the true trimap's dilation, of the image's short side; as in training.

    Raises:
        SpecError: a network without M-Net can't be given a trimap.
        BackendUnavailable: pymatting is wanted and not installed.
    """
    if method == "true-mnet" and network.config.method in TNET_ALONE:
        raise SpecError(f"got true-mnet for a network by {network.config.method}, which has no M-Net")
    solve = None if method.endswith(("network", "mnet")) else _solver(method)
    device = next(network.parameters()).device

    @torch.no_grad()
    def predict(image: Image, truth: Plane) -> Prediction:
        tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None])).to(device).float()
        if method.startswith("true"):
            radius = max(2, round(unknown_radius * min(truth.shape)))
            trimap = torch.from_numpy(true_trimap(truth, radius))[None].to(device)
        else:
            logits, features = network.tnet(tensor)
            trimap = torch.softmax(logits, dim=1)
        if solve is not None:
            classes = _numpy(resize(trimap, truth.shape)[0])
            alpha = solve(image, classes)
            return Prediction(alpha, classes, alpha)
        if method.startswith("true"):
            features = network.features(tensor)
        alpha_raw = network.mnet(tensor, trimap, features).alpha
        fused = network.fusion(trimap, alpha_raw).clamp(0, 1)
        return Prediction(_numpy(fused[0, 0]), _numpy(resize(trimap, truth.shape)[0]), _numpy(alpha_raw[0, 0]))

    return predict


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    return np.asarray(tensor.float().cpu().numpy(), np.float32)


def _solver(method: Method) -> Callable[[Image, Trimap], Plane]:
    """Matting by pymatting on the likeliest classes of a trimap."""
    try:
        import pymatting
    except ImportError as error:
        raise BackendUnavailable(
            f"got method {method} without pymatting; pip install 'semantic-human-matting[quality]'"
        ) from error
    estimate = pymatting.estimate_alpha_cf if method.endswith("cf") else pymatting.estimate_alpha_knn

    def solve(image: Image, trimap: Trimap) -> Plane:
        picture = spec.picture_from_trimap(trimap.transpose(1, 2, 0))
        if not all((picture == value).any() for value in spec.PICTURE_VALUES.values()):
            # Nothing to spread from one side, or nowhere to: what is known is all there is.
            return np.asarray(picture == spec.PICTURE_VALUES[spec.FOREGROUND], np.float32)
        levels = np.choose(picture // 127, [0.0, 0.5, 1.0])
        with redirect_stdout(sys.stderr):  # pymatting prints its warnings
            return np.asarray(np.clip(estimate(image / 255.0, levels), 0, 1), np.float32)

    return solve

"""What training, export, runtime and evaluation must agree on, said once.

Numbers and names only: nothing here imports more than the standard library and numpy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Channels of a trimap, in the order in which the paper names them (F_s, B_s, U_s; section 4.3).
FOREGROUND = 0
BACKGROUND = 1
UNKNOWN = 2
CLASSES = ("foreground", "background", "unknown")

# Values of a trimap picture (one channel, uint8), by class.
PICTURE_VALUES = {FOREGROUND: 255, BACKGROUND: 0, UNKNOWN: 128}

# ImageNet statistics of RGB values in 0..255; the networks normalise inside their graphs.
RGB_MEAN = (123.675, 116.28, 103.53)
RGB_DEVIATION = (58.395, 57.12, 57.375)

# Tensor names of the exported graphs.
IMAGE = "image"
TRIMAP = "trimap"
FEATURES = "features."  # and a number, from 0 on, coarsest first: what `live`'s M-Net sees of T-Net beside the trimap
ALPHA_RAW = "alpha_raw"
ALPHA = "alpha"

# Files of one exported model. Parts are float; the joined graphs take and give uint8.
TNET_FILE = "tnet.onnx"
MNET_FILE = "mnet.onnx"
FUSION_FILE = "fusion.onnx"
PARTS = {"tnet": TNET_FILE, "mnet": MNET_FILE, "fusion": FUSION_FILE}
COEFFICIENTS = "coefficients"  # the role of live's M-Net without its last step, what it gives ...
COEFFICIENTS_FILE = "mnet.coefficients.onnx"  # ... and its file
LIVE_PARTS = {**PARTS, COEFFICIENTS: COEFFICIENTS_FILE}
TNET_INT8 = "tnet_int8"  # the role of live's T-Net in 8 bit ...
TNET_INT8_FILE = "tnet.int8.onnx"  # ... and its file

OPSET = 18

# Sizes, in pixels. The paper tests with a longest edge of 1500; the graphs pad to the stride: 1504.
STRIDE = 16
MIN_SIDE = 16  # below: an error
MIN_GRAPH_SIDE = 64  # from MIN_SIDE to here the host pads
MAX_EDGE = 1500
PADDED_MAX_EDGE = 1504


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far two alphas in 0..1 may be apart: mean and 99.9th percentile of |Δα|."""

    mean: float
    p999: float


# By variant, since near ties in the max-poolings of `paper` move values to another pixel. Measured on ten photographs
# of people (longest side 512 px), on untrained networks whose batch norms were calibrated on photographs
# (`shm_deploy.export.calibrate`); those amplify rounding more than trained ones.
# Float parts, ONNX Runtime against PyTorch, which round the coordinates of a resize differently. At worst: live mean
# 6.9e-5, p99.9 3.3e-4 (its trained weights, on the packaged photographs, 1.2e-6 and 1.3e-4); paper 3.7e-4 and 1.7e-2.
PARTS_FP32 = {"live": Tolerance(mean=2e-4, p999=1e-3), "paper": Tolerance(mean=1e-3, p999=5e-2)}
# The FP16 graph computed with in FP32 on a CPU, against PyTorch: only its weights are half. At worst: live mean 6.5e-3,
# p99.9 7.5e-2 (trained 2.9e-6 and 0); paper, its predictions scaled up too, 3.3e-2 and 0.58. It catches a wrong
# graph, no more.
HALF_WEIGHTS = {"live": Tolerance(mean=0.015, p999=0.2), "paper": Tolerance(mean=0.06, p999=0.8)}
# Live with T-Net in 8 bit, float alphas against PyTorch, on the packaged photographs. At worst: trained, mean 8.6e-4,
# p99.9 0.09, at edges; untrained as above, 2.9e-2 and 0.19. Near, not equal: `benchmarks.peers` says what it costs.
INT8 = Tolerance(mean=0.06, p999=0.5)
# uint8 outputs of two FP32 backends, 256 to 1500 px. At worst: live, trained, mean 1e-6, p99.9 0; paper mean 4.1e-4,
# p99.9 4/255.
BACKENDS_FP32 = {"live": Tolerance(mean=0.1 / 255, p999=1 / 255), "paper": Tolerance(mean=1e-3, p999=8 / 255)}
# An FP16 engine against the FP32 reference.
ENGINE_FP16 = Tolerance(mean=5e-4, p999=4 / 255)
# Relative change of SAD, MSE, Gradient and Connectivity against a true alpha.
METRIC_FP32 = 0.001
METRIC_FP16 = 0.01

FP16_MAX = 65504.0


def trimap_from_picture(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn a trimap picture into class probabilities.

    Args:
        picture: (H, W) uint8; 255 is foreground, 0 background, anything between unknown.

    Returns:
        (H, W, 3) float32, one-hot in the order F, B, U; the caller's own.
    """
    foreground = picture == PICTURE_VALUES[FOREGROUND]
    background = picture == PICTURE_VALUES[BACKGROUND]
    unknown = ~(foreground | background)
    return np.stack([foreground, background, unknown], axis=-1).astype(np.float32)


def picture_from_trimap(trimap: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.uint8]:
    """Turn class probabilities into a trimap picture of the likeliest class.

    Args:
        trimap: (H, W, 3) probabilities in any positive scale, order F, B, U.

    Returns:
        (H, W) uint8 of 255 (foreground), 0 (background), 128 (unknown); the caller's own.
    """
    values = np.array([PICTURE_VALUES[index] for index in range(3)], np.uint8)
    return values[np.argmax(trimap, axis=-1)]

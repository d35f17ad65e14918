"""Mattes from a Triton server: the model runs there, everything else in `Matter`, here.

pip install 'tritonclient[grpc]', then: python triton_client.py localhost:8001 photo.jpg cutout.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from shm_deploy import Matter
from shm_deploy.backends import Mattes
from shm_deploy.errors import BackendError


class TritonBackend:
    """Sends frames to a model of `shm-export --triton` and takes alpha and trimap back."""

    name = "triton"

    def __init__(self, address: str, model: str) -> None:
        """Args: address: host:port of Triton's gRPC endpoint; model: such as "shm_onnx" or "shm_plan"."""
        self.device = address
        self._client = InferenceServerClient(address)
        self._model = model

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        """(N, H, W, 3) RGB -> alpha (N, H, W) and trimap (N, H, W, 3)."""
        image = InferInput("image", list(frames.shape), "UINT8")
        image.set_data_from_numpy(frames)
        try:
            result = self._client.infer(self._model, [image])
        except InferenceServerException as error:
            raise BackendError(f"Triton at {self.device} failed: {error}") from error
        return Mattes(result.as_numpy("alpha"), result.as_numpy("trimap"))

    def close(self) -> None:
        """Hang up."""
        self._client.close()


def main() -> None:
    """Cut the people out of one photograph."""
    address, source, target = sys.argv[1:]
    with Matter(TritonBackend(address, "shm_onnx")) as matter:
        Image.fromarray(matter.cutout(Image.open(source))).save(Path(target))


if __name__ == "__main__":
    main()

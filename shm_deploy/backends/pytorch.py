"""PyTorch: the reference. It runs a checkpoint, joined or part by part."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shm_deploy.backends.devices import cuda_index
from shm_deploy.backends.protocol import Facts, Features, Mattes, Segmented
from shm_deploy.errors import BackendError, BackendUnavailable
from shm_train.checkpoint import load_checkpoint
from shm_train.networks import FrameGraph


class PyTorchBackend:
    """`FrameGraph` on a device; its parts are those of the same network."""

    name = "pytorch"

    def __init__(self, checkpoint: Path, device: str, threads: int | None) -> None:
        """Args: checkpoint: a `.pt` file; threads: sets PyTorch's number for the whole process, which has no other."""
        self._device = _torch_device(device)
        self.device = str(self._device)
        if threads is not None:
            torch.set_num_threads(threads)
        network = load_checkpoint(checkpoint).served_network()
        self._graph: FrameGraph | None = FrameGraph(network).eval().to(self._device)

    def run(self, frames: NDArray[np.uint8]) -> Mattes:  # as in Backend
        alpha, trimap = self._infer(self._opened(), frames)
        return Mattes(alpha, trimap)

    def tnet(self, image: NDArray[np.float32]) -> Segmented:  # as in Parts
        network = self._opened().network

        def flat(seen: Tensor) -> tuple[Tensor, ...]:
            logits, features = network.tnet(seen)
            return (logits, *features)

        logits, *features = self._infer(flat, image)
        return Segmented(np.asarray(torch.softmax(torch.from_numpy(logits), dim=1).numpy()), tuple(features))

    def mnet(
        self, image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features | None = None
    ) -> NDArray[np.float32]:
        network = self._opened().network

        def raw_alpha(seen: Tensor, of_trimap: Tensor, *given: Tensor) -> Tensor:
            alpha: Tensor = network.mnet(seen, of_trimap, network.features(seen) if features is None else given).alpha
            return alpha

        (alpha_raw,) = self._infer(raw_alpha, image, trimap, *(features or ()))
        return alpha_raw

    def fusion(self, trimap: NDArray[np.float32], alpha_raw: NDArray[np.float32]) -> NDArray[np.float32]:
        (alpha,) = self._infer(self._opened().network.fusion, trimap, alpha_raw)
        return alpha

    def facts(self) -> Facts:
        return Facts(threads=torch.get_num_threads())

    def close(self) -> None:
        self._graph = None

    def _opened(self) -> FrameGraph:
        assert self._graph is not None, "used after close"
        return self._graph

    def _infer(self, call: Callable[..., Tensor | tuple[Tensor, ...]], *arrays: NDArray[Any]) -> list[NDArray[Any]]:
        # PyTorch has no read-only tensors: those arrays are copied.
        tensors = [torch.from_numpy(np.require(array, requirements=("C", "W"))).to(self._device) for array in arrays]
        try:
            with torch.inference_mode():
                outputs = call(*tensors)
        except (RuntimeError, ValueError) as error:
            shapes = [array.shape for array in arrays]
            raise BackendError(f"PyTorch failed on {shapes} on {self.device}: {error}") from error
        return [tensor.cpu().numpy() for tensor in (outputs if isinstance(outputs, tuple) else (outputs,))]


def _torch_device(device: str) -> torch.device:
    index = cuda_index(device)
    if index is not None and index >= torch.cuda.device_count():
        raise BackendUnavailable(
            f"asked for {device}, this PyTorch {torch.__version__} sees {torch.cuda.device_count()} CUDA devices: "
            "install a CUDA build of PyTorch and a driver, or use device='cpu'"
        )
    if index is None and (device == "cpu" or not torch.cuda.is_available()):
        return torch.device("cpu")
    return torch.device("cuda", index or 0)

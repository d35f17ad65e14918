"""TensorRT and TensorRT-RTX: plans on a GPU."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy.backends.cuda import Cuda
from shm_deploy.backends.devices import cuda_index
from shm_deploy.backends.flavours import MODULES
from shm_deploy.backends.lane import Lane
from shm_deploy.backends.plan import Engine, choose_profile, plan_flavour
from shm_deploy.backends.pool import Pool
from shm_deploy.backends.protocol import DeviceMattes, Facts, Mattes
from shm_deploy.errors import BackendUnavailable, SpecError
from shm_deploy.sidecar import EngineRecord

MAX_LANES = 4  # calls on the device at once; more of them only wait for each other there


class TensorRTBackend:
    """An engine; each call gets a lane of its own from a pool."""

    name = "tensorrt"

    def __init__(self, engine: Engine, cuda: Cuda) -> None:
        self._engine = engine
        self._cuda = cuda
        self.device = f"cuda:{cuda.index}"
        self._lanes = Pool(lambda: Lane(engine, cuda), MAX_LANES)
        self._first = threading.Lock()
        self._has_run = False

    def run(self, frames: NDArray[np.uint8]) -> Mattes:  # as in Backend
        profile = choose_profile(self._engine.profiles, frames.shape[:3])
        self._cuda.select()
        with self._lanes.lend() as lane:
            mattes = lane.run(frames, profile)
        self._save_cache_once()
        return mattes

    def run_on_device(self, frames: Any) -> DeviceMattes:  # as in RunsOnDevice
        shape = tuple(frames.shape)
        profile = choose_profile(self._engine.profiles, (1, *shape)[-4:-1])
        self._cuda.select()
        with self._lanes.lend() as lane:
            return lane.run_on_device(frames, profile)

    def facts(self) -> Facts:
        return Facts(profiles=self._engine.profiles)

    def close(self) -> None:
        self._cuda.select()
        for lane in self._lanes.drain():
            lane.release()
        self._engine.close()

    def _save_cache_once(self) -> None:
        """After the first run, so that a process that is killed later has not compiled in vain."""
        with self._first:
            if not self._has_run:
                self._has_run = True
                self._engine.save_cache()


def open_tensorrt(plan: Path, record: EngineRecord | None, device: str) -> TensorRTBackend:
    """Open a plan on a GPU.

    Args:
        plan: the file.
        record: what its sidecar says; None without one.
        device: "auto", "cuda" or "cuda:N".

    Raises:
        SpecError: device "cpu".
        BackendUnavailable: no TensorRT of the plan's flavour, no driver, no such device.
        ArtifactError: the file is no plan, is of another version or GPU, or is no joined graph.
    """
    if device == "cpu":
        raise SpecError(f"got device='cpu' for {plan.name}; a plan runs on a GPU: give the .onnx file beside it")
    cuda = Cuda(cuda_index(device) or 0)
    flavour = plan_flavour(plan, record)
    try:
        trt = importlib.import_module(MODULES[flavour])
    except ImportError as error:
        raise BackendUnavailable(
            f"{plan.name} needs {MODULES[flavour]}, which does not import ({error}): "
            f"pip install 'semantic-human-matting[{flavour}]'"
        ) from error
    return TensorRTBackend(Engine(plan, record, flavour, trt, cuda), cuda)

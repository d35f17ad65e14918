"""OpenVINO on the CPU, for `.onnx` files: an extra."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.artifacts import PartFiles
from shm_deploy.backends.devices import cuda_index, thread_count
from shm_deploy.backends.graph_parts import GraphParts
from shm_deploy.backends.pool import Pool
from shm_deploy.backends.protocol import Facts, Mattes
from shm_deploy.backends.signature import check_joined
from shm_deploy.errors import ArtifactError, BackendError, BackendUnavailable

MAX_REQUESTS = 64  # more threads than this wait for each other


class OpenVinoBackend:
    """The joined graph; each thread gets an inference request of its own."""

    name = "openvino"
    device = "cpu"

    def __init__(self, model: Path, device: str, threads: int | None) -> None:
        self._graph = _Graph(model, device, threads)
        check_joined(model, self._graph.inputs, self._graph.outputs)
        self._facts = Facts(threads=thread_count(threads))

    def run(self, frames: NDArray[np.uint8]) -> Mattes:  # as in Backend
        outputs = self._graph.run({spec.IMAGE: frames})
        return Mattes(outputs[spec.ALPHA], outputs[spec.TRIMAP])

    def facts(self) -> Facts:
        return self._facts

    def close(self) -> None:
        self._graph.close()


class OpenVinoParts(GraphParts["_Graph"]):
    """T-Net, M-Net and fusion, each compiled when it is first needed."""

    def __init__(self, files: PartFiles, device: str, threads: int | None) -> None:
        super().__init__(files, lambda file: _Graph(file, device, threads))


class _Graph:
    """A compiled ONNX file and its requests, which are not thread-safe themselves."""

    def __init__(self, model: Path, device: str, threads: int | None) -> None:
        if cuda_index(device) is not None:
            raise BackendUnavailable(
                f"asked for {device}, OpenVINO has no CUDA: use backend='onnxruntime', or device='cpu'"
            )
        core = ov.Core()
        try:
            network = core.read_model(str(model))
        except RuntimeError as error:
            raise ArtifactError(
                f"{model} can't be read as an ONNX model: it is truncated or foreign; copy or export it again"
            ) from error
        options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": thread_count(threads),
            "INFERENCE_PRECISION_HINT": "f32",  # the default is bfloat16 on CPUs that have it
        }
        try:
            self._compiled: Any = _elsewhere(lambda: core.compile_model(network, "CPU", options))
        except RuntimeError as error:
            raise BackendError(f"OpenVINO failed to compile {model}: {error}") from error
        self.inputs = _signature(self._compiled.inputs)
        self.outputs = _signature(self._compiled.outputs)
        self._requests: Pool[Any] = Pool(self._compiled.create_infer_request, MAX_REQUESTS)

    def run(self, feeds: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        with self._requests.lend() as request:
            try:
                outputs = request.infer(feeds, share_inputs=True, share_outputs=False)
            except RuntimeError as error:
                shapes = {name: array.shape for name, array in feeds.items()}
                raise BackendError(f"OpenVINO failed on {shapes}: {error}") from error
            return {port.get_any_name(): array for port, array in outputs.items()}

    def close(self) -> None:
        self._requests.drain()
        self._compiled = None


def _elsewhere(call: Callable[[], Any]) -> Any:
    """The call's result, from a thread of its own.

    OpenVINO's compiler gives the thread that compiles an alternate signal stack and puts the former one back when the
    graph goes. Two graphs that go in the order in which they came leave a freed stack behind, and the next signal with
    a Python handler (an interrupt, the end of a child) crashes the process.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


def _signature(ports: list[Any]) -> dict[str, str]:
    return {port.get_any_name(): str(port.element_type.to_dtype()) for port in ports}

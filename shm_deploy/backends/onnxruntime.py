"""ONNX Runtime: the CPU default, and CUDA."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as native

from shm_deploy import spec
from shm_deploy.artifacts import PartFiles
from shm_deploy.backends.devices import cuda_index, thread_count
from shm_deploy.backends.graph_parts import GraphParts, Tensors
from shm_deploy.backends.protocol import Facts, Mattes
from shm_deploy.backends.signature import check_joined
from shm_deploy.errors import ArtifactError, BackendError, BackendUnavailable

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"

SPIN_US = 20  # longer than most gaps between operators: 50 to 300 are as fast, and cost busy machines more
FIRST_WITH_SPIN_DURATION = (1, 26)  # of ONNX Runtime; earlier ones ignore the entry

UNREADABLE = (native.InvalidProtobuf, native.InvalidGraph, native.NoSuchFile, native.NoModel, native.Fail)
FAILURES = (native.Fail, native.RuntimeException, native.EPFail, native.EngineError, native.InvalidArgument)


class OnnxRuntimeBackend:
    """The joined graph in one session, which any number of threads may run at once."""

    name = "onnxruntime"

    def __init__(self, model: Path, device: str, threads: int | None) -> None:
        self._session: Any = open_session(model, device, threads)
        check_joined(model, _signature(self._session.get_inputs()), _signature(self._session.get_outputs()))
        self.device = _device(self._session)
        self._facts = Facts(providers=tuple(self._session.get_providers()), threads=thread_count(threads))

    def run(self, frames: NDArray[np.uint8]) -> Mattes:  # as in Backend
        alpha, trimap = _run(self._session, (spec.ALPHA, spec.TRIMAP), {spec.IMAGE: frames})
        return Mattes(alpha, trimap)

    def facts(self) -> Facts:
        return self._facts

    def close(self) -> None:
        self._session = None


class OnnxRuntimeParts(GraphParts["_PartGraph"]):
    """T-Net, M-Net and fusion, each opened when it is first needed."""

    def __init__(self, files: PartFiles, device: str, threads: int | None) -> None:
        super().__init__(files, lambda file: _PartGraph(open_session(file, device, threads)))
        self._threads = threads

    def facts(self) -> Facts:
        providers = {provider for graph in self._opened() for provider in graph.providers}
        return Facts(providers=tuple(sorted(providers)), threads=thread_count(self._threads))


class _PartGraph:
    """A session, as `GraphParts` wants it."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs = _signature(session.get_inputs())
        self.providers: list[str] = session.get_providers()
        self._outputs = tuple(output.name for output in session.get_outputs())

    def run(self, feeds: Tensors) -> Tensors:
        return dict(zip(self._outputs, _run(self._session, self._outputs, feeds), strict=True))

    def close(self) -> None:
        self._session = None


def open_session(model: Path, device: str, threads: int | None) -> Any:
    """An `InferenceSession` on the device that was asked for, never on another one.

    Args:
        model: an ONNX file.
        device: "auto" takes CUDA where ONNX Runtime can, else the CPU.
        threads: within one operator; None for every CPU of this process. ONNX Runtime's own default may be
            one thread for two CPUs.

    Raises:
        BackendUnavailable: no CUDA where CUDA was asked for.
        ArtifactError: no ONNX file, or a truncated one.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = thread_count(threads)
    options.log_severity_level = 3  # a failure is raised; a warning about it would be said twice
    for key, value in waiting_options(ort.__version__).items():
        options.add_session_config_entry(key, value)
    try:
        session = ort.InferenceSession(str(model), options, providers=_providers(device))
    except UNREADABLE as error:
        raise ArtifactError(
            f"{model} can't be read as an ONNX model ({_first_line(error)}): "
            "it is truncated or foreign; copy or export it again"
        ) from error
    except FAILURES as error:
        raise BackendError(f"ONNX Runtime failed to open {model}: {_first_line(error)}") from error
    # ONNX Runtime drops a provider that does not start without an exception.
    if cuda_index(device) is not None and CUDA not in session.get_providers():
        raise BackendUnavailable(
            f"asked for {device}, ONNX Runtime started with {', '.join(session.get_providers())} only: "
            "check the driver, and that CUDA and cuDNN are those of this onnxruntime-gpu (shm-doctor says); "
            "or use device='cpu'"
        )
    return session


def waiting_options(version: str) -> dict[str, str]:
    """How threads of this release of ONNX Runtime wait for the next operator, as entries of a session's config.

    Busily for milliseconds, as by default, they take the CPU from the application: 0.26 against 0.16 CPU seconds for a
    720p frame of `live` on two busy cores, and half as long again until it is done. Busily for the microseconds between
    two operators, and asleep from then on, both networks take a ninth less time than always asleep, and no more CPU.
    """
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < FIRST_WITH_SPIN_DURATION:
        return {"session.intra_op.allow_spinning": "0"}
    return {
        "session.intra_op.allow_spinning": "1",
        "session.intra_op.spin_duration_us": str(SPIN_US),
        "session.force_spinning_stop": "1",  # between runs
    }


def _providers(device: str) -> list[str | tuple[str, dict[str, str]]]:
    index = cuda_index(device)
    available = CUDA in ort.get_available_providers()
    if index is not None and not available:
        raise BackendUnavailable(
            f"asked for {device}, this onnxruntime {ort.__version__} has {', '.join(ort.get_available_providers())}: "
            "pip uninstall onnxruntime, then pip install 'semantic-human-matting[gpu]'; or use device='cpu'"
        )
    if device == "cpu" or not available:
        return [CPU]
    ort.preload_dlls()  # CUDA and cuDNN from pip packages are not on the loader's path
    options = {
        "device_id": str(index or 0),
        "use_tf32": "0",  # FP32 as the parity table means it
        "cudnn_conv_algo_search": "HEURISTIC",  # the default measures every new size for seconds
        "arena_extend_strategy": "kSameAsRequested",  # doubling makes memory grow with changing sizes
    }
    return [(CUDA, options), CPU]


def _signature(nodes: list[Any]) -> dict[str, str]:
    return {node.name: node.type.removeprefix("tensor(").removesuffix(")") for node in nodes}


def _device(session: Any) -> str:
    if CUDA not in session.get_providers():
        return "cpu"
    return f"cuda:{session.get_provider_options()[CUDA]['device_id']}"


def _run(session: Any, outputs: tuple[str, ...], feeds: dict[str, NDArray[Any]]) -> list[Any]:
    try:
        values: list[Any] = session.run(outputs, feeds)
    except FAILURES as error:
        shapes = {name: array.shape for name, array in feeds.items()}
        raise BackendError(f"ONNX Runtime failed on {shapes}: {_first_line(error)}") from error
    return values


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

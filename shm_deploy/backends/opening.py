"""The one place that chooses a backend, and imports what it needs, no more."""

from __future__ import annotations

import importlib
import logging
from typing import Any, Literal

from shm_deploy import spec
from shm_deploy.artifacts import Kind, ModelFile, PartFiles
from shm_deploy.backends.protocol import Backend, Parts
from shm_deploy.errors import BackendUnavailable, SpecError

logger = logging.getLogger(__name__)

Runtime = Literal["onnxruntime", "tiles", "int8", "openvino", "pytorch", "tensorrt"]
BackendName = Literal["auto"] | Runtime

# What reads a kind of file; "auto" takes the first, or tiles where they apply.
RUNTIMES: dict[Kind, tuple[Runtime, ...]] = {
    "onnx": ("onnxruntime", "tiles", "int8", "openvino"),
    "plan": ("tensorrt",),
    "checkpoint": ("pytorch",),
}


def open_backend(
    model: ModelFile, *, device: str = "auto", threads: int | None = None, backend: BackendName = "auto"
) -> Backend:
    """Open a joined graph, an engine or a checkpoint.

    Args:
        model: from `find_model`.
        device: "auto", "cpu", "cuda" or "cuda:N"; what was asked for runs, or an error says why not.
        threads: CPU threads within one run; None for every CPU of this process. An engine runs on its GPU alone.
        backend: "auto" is ONNX Runtime for `.onnx` (in tiles for a `live` one on a CPU), TensorRT for `.plan`,
            PyTorch for `.pt`. "int8" is tiles with T-Net in 8 bit: faster, and near the others instead of equal.

    Raises:
        SpecError: a backend that does not read this kind of file, or an unknown device.
        BackendUnavailable: its package or device is not there.
        ArtifactError: the file can't be read, or belongs to another version or GPU.
    """
    match runtime_of(model, backend, device):
        case "onnxruntime":
            _require("onnxruntime", "cpu")
            from shm_deploy.backends.onnxruntime import OnnxRuntimeBackend

            return OnnxRuntimeBackend(model.path, device, threads)
        case "tiles" | "int8" as name:
            network, files = _live_network(model, name), _cpu_parts(model, name)
            _require("onnxruntime", "cpu")
            from shm_deploy.backends.devices import thread_count
            from shm_deploy.backends.onnxruntime import OnnxRuntimeParts
            from shm_deploy.backends.tiles import Edges, TiledBackend

            parts = OnnxRuntimeParts(files, _on_cpu(device, name), threads)
            edges = Edges(tnet=network["tnet_edge"], mnet=network["mnet_edge"])
            nearness = spec.INT8 if name == "int8" else None
            return TiledBackend(parts, edges, thread_count(threads), nearness)
        case "openvino":
            _require("openvino", "openvino")
            from shm_deploy.backends.openvino import OpenVinoBackend

            return OpenVinoBackend(model.path, device, threads)
        case "pytorch":
            _require("torch", "train")
            from shm_deploy.backends.pytorch import PyTorchBackend

            return PyTorchBackend(model.path, device, threads)
        case "tensorrt":
            if threads is not None:
                _say_of_threads(model, threads)
            _require("cuda.bindings", "rtx")
            from shm_deploy.backends.tensorrt import open_tensorrt

            return open_tensorrt(model.path, model.sidecar.engine if model.sidecar else None, device)


def open_parts(
    model: ModelFile, *, device: str = "auto", threads: int | None = None, backend: BackendName = "auto"
) -> Parts:
    """Open the float networks that belong to a model: the files beside it, or a checkpoint's own.

    Beside a `.plan` they run in ONNX Runtime. Arguments and errors as in `open_backend`.

    Raises:
        ArtifactError: also where a file beside the model is missing; the message names it.
    """
    match runtime_of(model, backend, device):
        case "onnxruntime" | "tiles" | "int8" | "tensorrt" as name:
            files = _cpu_parts(model, name)
            _require("onnxruntime", "cpu")
            from shm_deploy.backends.onnxruntime import OnnxRuntimeParts

            return OnnxRuntimeParts(files, device, threads)
        case "openvino":
            files = model.parts()
            _require("openvino", "openvino")
            from shm_deploy.backends.openvino import OpenVinoParts

            return OpenVinoParts(files, device, threads)
        case "pytorch":
            _require("torch", "train")
            from shm_deploy.backends.pytorch import PyTorchBackend

            return PyTorchBackend(model.path, device, threads)


def runtime_of(model: ModelFile, backend: BackendName, device: str) -> Runtime:
    """Which backend runs this model.

    Raises:
        SpecError: the one that was asked for does not read this kind of file.
    """
    able = RUNTIMES[model.kind]
    if backend == "auto":
        return "tiles" if _tiles_pay(model, device) else able[0]
    if backend not in able:
        raise SpecError(f"got backend {backend!r} for {model.path.name}; wanted 'auto' or {' or '.join(able)}")
    return backend


def _tiles_pay(model: ModelFile, device: str) -> bool:
    """Whether this is a `live` model with its parts, on a CPU; a GPU is faster in one piece."""
    sidecar = model.sidecar
    if model.kind != "onnx" or sidecar is None or not spec.LIVE_PARTS.keys() <= sidecar.files.keys():
        return False
    if device != "auto":
        return device == "cpu"
    _require("onnxruntime", "cpu")
    from onnxruntime import get_available_providers

    return "CUDAExecutionProvider" not in get_available_providers()


def _cpu_parts(model: ModelFile, name: Runtime) -> PartFiles:
    return model.int8_parts() if name == "int8" else model.parts()


def _live_network(model: ModelFile, name: Runtime) -> dict[str, Any]:
    """The config of a `live` network, as its sidecar has it."""
    if model.sidecar is None or spec.COEFFICIENTS not in model.sidecar.files:
        raise SpecError(
            f"got backend {name!r} for {model.path.name}; wanted a `live` model with its sidecar and "
            f"{spec.COEFFICIENTS_FILE}: use 'auto', or export it again"
        )
    return model.sidecar.network


def _on_cpu(device: str, name: Runtime) -> str:
    if device not in ("auto", "cpu"):
        raise SpecError(f"got backend {name!r} with device {device!r}; it is for the CPU: use backend='auto'")
    return "cpu"


def _say_of_threads(model: ModelFile, threads: int) -> None:
    """Nobody's engine runs on CPU threads; those of its parts do."""
    from shm_deploy.backends.devices import thread_count

    logger.info(
        "%s runs on a GPU: threads=%d is for its parts, in ONNX Runtime, alone", model.path.name, thread_count(threads)
    )


def _require(module: str, extra: str) -> None:
    """Import what a backend stands on, or say how to install it."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise BackendUnavailable(
            f"the {module} package is needed and does not import ({error}): "
            f"pip install 'semantic-human-matting[{extra}]'"
        ) from error

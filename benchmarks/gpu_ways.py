"""The ways to run a network on one device, each from frames that lie there to mattes that stay there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shm_deploy import spec
from shm_deploy.artifacts import ModelFile, find_model
from shm_deploy.backends import Mattes, open_backend
from shm_deploy.backends.protocol import RunsOnDevice
from shm_deploy.bench.session import find_reference
from shm_deploy.errors import ArtifactError, BackendUnavailable, MatteError
from shm_train.checkpoint import load_checkpoint
from shm_train.networks import FrameGraph, SemanticHumanMatting
from shm_train.networks.fold import fold

Outputs = tuple[Tensor, Tensor]  # alpha (N, H, W), trimap (N, H, W, 3), both uint8
Step = Callable[[], Outputs]  # one run; what it returns may be overwritten by the next
Way = Callable[[Tensor], Step]  # given uint8 frames (N, H, W, 3) on the device, whose memory it keeps reading

# What a way may end with on a device that it does not suit; its words go into the result.
FAILURES = (MatteError, RuntimeError, ImportError, NotImplementedError)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One trained network and the files that were exported from it."""

    joined: ModelFile
    checkpoint: ModelFile

    @classmethod
    def of(cls, model: Path | None) -> Variant:
        """From a joined ONNX file with its sidecar; None is the packaged one."""
        joined = find_model(model)
        if joined.sidecar is None:
            raise ArtifactError(f"{joined.path} has no sidecar: copy the whole folder that shm-export wrote")
        return cls(joined=joined, checkpoint=find_reference(joined, None))

    @property
    def name(self) -> str:
        assert self.joined.sidecar is not None
        return self.joined.sidecar.variant

    @cached_property
    def network(self) -> SemanticHumanMatting:
        """Float32, on the CPU."""
        return load_checkpoint(self.checkpoint.path).network()

    def sibling(self, role: str) -> ModelFile:
        """Another file of the same export: "joined_fp16" or "plan".

        Raises:
            ArtifactError: the export has none, or it is not there.
        """
        assert self.joined.sidecar is not None
        record = self.joined.sidecar.files.get(role)
        if record is None:
            raise ArtifactError(f"the export of {self.joined.path.name} has no {role}: run shm-export --fp16 again")
        return find_model(self.joined.path.with_name(record.file))


class WayBackend:
    """A way as a `Backend`, so that it is compared like any other."""

    def __init__(self, name: str, way: Way, device: str) -> None:
        self.name = name
        self.device = device
        self._way = way

    def run(self, frames: NDArray[np.uint8]) -> Mattes:
        alpha, trimap = self._way(torch.from_numpy(frames).to(self.device))()
        return Mattes(alpha.cpu().numpy().copy(), trimap.cpu().numpy().copy())

    def close(self) -> None:
        """Nothing is held beyond the way itself."""


def torch_ways(network: SemanticHumanMatting, device: str) -> Iterator[tuple[str, Way]]:
    """PyTorch's own: eager, compiled, and replayed as a CUDA graph."""
    yield "eager fp32", partial(eager, FrameGraph(network).to(device))
    half = FrameGraph(fold(network).half()).to(device)
    yield "eager fp16", partial(eager, half)
    last = FrameGraph(fold(network).half()).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    yield "eager fp16 channels-last", partial(eager, last)
    if device.startswith("cuda"):  # on a CPU, in a rehearsal, compiling takes minutes and there are no graphs
        yield "compiled fp16 channels-last", partial(eager, torch.compile(last, dynamic=False))
        yield "cuda graph fp16 channels-last", partial(replayed, last)


def exported_ways(variant: Variant, device: str) -> Mapping[str, Callable[[], Way]]:
    """ONNX Runtime on the same device, FP32 and FP16 graph, and the engine; each is opened when it is called."""
    return {
        "onnxruntime fp32": lambda: bound(variant.joined.path, device),
        "onnxruntime fp16": lambda: bound(variant.sibling("joined_fp16").path, device),
        "engine": lambda: compiled(variant.sibling("plan"), device),
    }


def eager(graph: nn.Module | Callable[[Tensor], Outputs], frames: Tensor) -> Step:
    """Call a module as it is."""

    def step() -> Outputs:
        with torch.inference_mode():
            outputs: Outputs = graph(frames)
            return outputs

    return step


def replayed(graph: nn.Module, frames: Tensor) -> Step:
    """Capture one run as a CUDA graph, and replay it."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.inference_mode(), torch.cuda.stream(side):
        for _ in range(3):  # libraries choose algorithms and get workspaces, which a capture does not allow
            graph(frames)
    torch.cuda.current_stream().wait_stream(side)
    captured = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(captured):
        outputs: Outputs = graph(frames)

    def step() -> Outputs:
        captured.replay()
        return outputs

    return step


def bound(model: Path, device: str) -> Way:
    """An ONNX Runtime session that reads and writes PyTorch's memory, nothing copied over the bus."""
    from shm_deploy.backends.onnxruntime import open_session

    session = open_session(model, device, None)
    kind, _, index = device.partition(":")

    def way(frames: Tensor) -> Step:
        outputs = (torch.empty(frames.shape[:3], dtype=torch.uint8, device=device), torch.empty_like(frames))
        binding = session.io_binding()
        for name, tensor, bind in (
            (spec.IMAGE, frames, binding.bind_input),
            (spec.ALPHA, outputs[0], binding.bind_output),
            (spec.TRIMAP, outputs[1], binding.bind_output),
        ):
            bind(name, kind, int(index or 0), np.uint8, tuple(tensor.shape), tensor.data_ptr())

        def step() -> Outputs:
            session.run_with_iobinding(binding)
            return outputs

        return step

    return way


def compiled(plan: ModelFile, device: str) -> Way:
    """An engine, by device arrays and DLPack in both directions."""
    backend = open_backend(plan, device=device)
    if not isinstance(backend, RunsOnDevice):
        raise BackendUnavailable(f"{backend.name} takes no arrays on the device, which are wanted here")

    def way(frames: Tensor) -> Step:
        def step() -> Outputs:
            mattes = backend.run_on_device(frames)
            return torch.from_dlpack(mattes.alpha), torch.from_dlpack(mattes.trimap)  # type: ignore[attr-defined]

        return step

    return way


def attempt(task: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a task found, or the exact words with which this device refused it."""
    try:
        return task()
    except FAILURES as error:
        return {"failed": f"{type(error).__name__}: {error}"}

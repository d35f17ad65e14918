"""A GPU in host memory and a TensorRT on it: what they refuse, count and record can be told and asked."""

from __future__ import annotations

import ctypes
import enum
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm_deploy.sidecar import Profile


class FakeCuda:
    """As `Cuda`; device memory is host memory, so pointers work."""

    def __init__(self, index: int = 0, compute_capability: str = "8.6") -> None:
        self.index = index
        self.name = "Fake GPU"
        self.compute_capability = compute_capability
        self.memory: dict[int, Any] = {}  # what is allocated now
        self.num_allocations = 0
        self.streams: set[int] = set()
        self.graphs: set[int] = set()
        self._local = threading.local()
        self.num_launches = 0
        self._recorded: dict[int, list[Callable[[], None]]] = {}
        self._next_handle = 100

    @property
    def recording(self) -> list[Callable[[], None]] | None:
        """What the calling thread captures; None outside a capture."""
        return getattr(self._local, "recording", None)

    def select(self) -> None:
        pass

    def create_stream(self) -> int:
        self._next_handle += 1
        self.streams.add(self._next_handle)
        return self._next_handle

    def destroy_stream(self, stream: int) -> None:
        self.streams.remove(stream)

    def synchronise(self, stream: int) -> None:
        assert self.recording is None, "a wait within a capture"

    def allocate(self, num_bytes: int) -> int:
        buffer = (ctypes.c_uint8 * num_bytes)()
        self.memory[ctypes.addressof(buffer)] = buffer
        self.num_allocations += 1
        return ctypes.addressof(buffer)

    def free(self, pointer: int) -> None:
        del self.memory[pointer]

    allocate_pinned = allocate
    free_pinned = free

    def copy(self, target: int, source: int, num_bytes: int, stream: int) -> None:
        assert self.recording is None, "a copy within a capture"
        assert stream in self.streams
        ctypes.memmove(target, source, num_bytes)

    def begin_capture(self, stream: int) -> None:
        self._local.recording = []

    def end_capture(self, stream: int) -> int:
        assert self.recording is not None
        self._next_handle += 1
        self._recorded[self._next_handle] = self.recording
        self.graphs.add(self._next_handle)
        self._local.recording = None
        return self._next_handle

    def launch(self, graph: int, stream: int) -> None:
        assert graph in self.graphs
        self.num_launches += 1
        for work in self._recorded[graph]:
            work()

    def destroy_graph(self, graph: int) -> None:
        self.graphs.remove(graph)


class Severity(enum.Enum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2


class ILogger:
    Severity = Severity


class Mode(enum.Enum):
    INPUT = 1
    OUTPUT = 2


class DataType(enum.Enum):
    UINT8 = 1
    FLOAT = 2

    def __str__(self) -> str:
        return f"DataType.{self.name}"


class Validity(enum.Enum):
    VALID = 0
    INVALID = 2


class Diagnostics(enum.IntFlag):
    VERSION_MISMATCH = 1
    UNSUPPORTED_CC = 2
    MALFORMED_ENGINE = 32


TENSORS = {"image": Mode.INPUT, "alpha": Mode.OUTPUT, "trimap": Mode.OUTPUT}


@dataclass
class FakeTensorRT:
    """A module `tensorrt` or `tensorrt_rtx`. Its engines give the red channel as alpha, and the frame as trimap."""

    cuda: FakeCuda
    profiles: tuple[Profile, ...]
    version: str = "1.7.1"
    refuses: set[str] = field(default_factory=set)  # names of calls that answer None or False
    dtype: DataType = DataType.UINT8
    validity: tuple[Validity, int] = (Validity.VALID, 0)
    cache: bytes = b"kernels"  # what a runtime cache holds after a run
    num_contexts: int = 0
    num_runs: int = 0
    graphs_differ: bool = False  # whether a recorded run gives something else
    caches_read: list[bytes] = field(default_factory=list)

    ILogger = ILogger
    TensorIOMode = Mode
    EngineValidity = Validity
    EngineInvalidityDiagnostics = Diagnostics
    ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user", ON_PROFILE_CHANGE="profile")
    CudaGraphStrategy = SimpleNamespace(WHOLE_GRAPH_CAPTURE="whole")

    @property
    def __version__(self) -> str:
        return self.version

    def Runtime(self, log: Any) -> Any:
        log.log(Severity.ERROR, "native words")
        return None if "Runtime" in self.refuses else FakeRuntime(self)


@dataclass
class FakeRuntime:
    trt: FakeTensorRT
    engine_header_size: int = 8

    def get_engine_validity(self, header: bytes) -> tuple[Validity, int]:
        assert len(header) <= self.engine_header_size
        return self.trt.validity

    def deserialize_cuda_engine(self, serialised: bytes) -> Any:
        return None if "deserialize_cuda_engine" in self.trt.refuses else FakeEngine(self.trt)


@dataclass
class FakeEngine:
    trt: FakeTensorRT
    device_memory_size_v2: int = 4096

    @property
    def num_io_tensors(self) -> int:
        return len(TENSORS)

    @property
    def num_optimization_profiles(self) -> int:
        return len(self.trt.profiles)

    def get_tensor_name(self, index: int) -> str:
        return list(TENSORS)[index]

    def get_tensor_mode(self, name: str) -> Mode:
        return TENSORS[name]

    def get_tensor_dtype(self, name: str) -> DataType:
        return self.trt.dtype

    def get_tensor_profile_shape(self, name: str, index: int) -> list[tuple[int, ...]]:
        profile = self.trt.profiles[index]
        return [(*shape, 3) for shape in (profile.minimum, profile.optimum, profile.maximum)]

    def create_runtime_config(self) -> Any:
        return None if "create_runtime_config" in self.trt.refuses else FakeConfig(self.trt)

    def create_execution_context(self, how: Any) -> Any:
        if "create_execution_context" in self.trt.refuses:
            return None
        self.trt.num_contexts += 1
        return FakeContext(self.trt)


@dataclass
class FakeConfig:
    trt: FakeTensorRT
    cuda_graph_strategy: str = "none"

    def set_execution_context_allocation_strategy(self, strategy: str) -> None:
        pass

    def create_runtime_cache(self) -> Any:
        return None if "create_runtime_cache" in self.trt.refuses else FakeCache(self.trt)

    def set_runtime_cache(self, cache: Any) -> bool:
        return "set_runtime_cache" not in self.trt.refuses


@dataclass
class FakeCache:
    trt: FakeTensorRT

    def deserialize(self, serialised: bytes) -> bool:
        self.trt.caches_read.append(serialised)
        return "deserialize" not in self.trt.refuses

    def serialize(self) -> Any:
        return None if "serialize" in self.trt.refuses else self.trt.cache


@dataclass
class FakeContext:
    trt: FakeTensorRT
    shape: tuple[int, ...] = ()
    addresses: dict[str, int] = field(default_factory=dict)

    def set_device_memory(self, memory: int, size: int) -> None:
        assert memory in self.trt.cuda.memory

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        return "set_optimization_profile_async" not in self.trt.refuses

    def set_tensor_address(self, name: str, pointer: int) -> bool:
        assert pointer in self.trt.cuda.memory
        self.addresses[name] = pointer
        return "set_tensor_address" not in self.trt.refuses

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self.shape = shape
        return "set_input_shape" not in self.trt.refuses

    def infer_shapes(self) -> list[str]:
        return ["image"] if "infer_shapes" in self.trt.refuses else []

    def execute_async_v3(self, stream: int) -> bool:
        if "execute_async_v3" in self.trt.refuses:
            return False
        if self.trt.cuda.recording is None:
            self._work()
        else:
            self.trt.cuda.recording.append(self._replay)
        return True

    def _work(self) -> None:
        self.trt.num_runs += 1
        frames = self._at("image", self.shape)
        self._at("alpha", self.shape[:3])[...] = frames[..., 0]
        self._at("trimap", self.shape)[...] = frames

    def _replay(self) -> None:
        self._work()
        if self.trt.graphs_differ:
            self._at("alpha", self.shape[:3])[0, 0, 0] ^= 255

    def _at(self, name: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        size = int(np.prod(shape))
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(self.addresses[name])).reshape(shape)

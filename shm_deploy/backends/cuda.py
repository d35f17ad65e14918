"""The few CUDA calls that the TensorRT backend needs, by cuda-bindings; every one checked.

`Cuda` is also a seam: tests put host memory behind it.
"""

from __future__ import annotations

from typing import Any

from cuda.bindings import runtime as cudart

from shm_deploy.errors import BackendError, BackendUnavailable


class Cuda:
    """One device. Pointers and handles are plain integers or cuda-bindings objects, for the caller to release."""

    def __init__(self, index: int) -> None:
        """Look for a driver and the device, before anything that would end the process without them.

        Raises:
            BackendUnavailable: there is no driver, or no such device.
        """
        num_devices = _count_devices()
        if index >= num_devices:
            raise BackendUnavailable(f"asked for cuda:{index}, the driver sees {num_devices} CUDA devices")
        self.index = index
        self.select()
        properties = _checked(cudart.cudaGetDeviceProperties(index), "device properties")
        self.name: str = properties.name.decode()
        self.compute_capability = f"{properties.major}.{properties.minor}"

    def select(self) -> None:
        """Make the device, by its primary context, that of the calling thread."""
        _checked(cudart.cudaSetDevice(self.index), f"selecting cuda:{self.index}")

    def create_stream(self) -> Any:
        """A stream that does not wait for the default one; `int()` gives its handle."""
        return _checked(cudart.cudaStreamCreateWithFlags(cudart.cudaStreamNonBlocking), "creating a stream")

    def destroy_stream(self, stream: Any) -> None:
        _checked(cudart.cudaStreamDestroy(stream), "destroying a stream")

    def synchronise(self, stream: Any) -> None:
        """Wait until all work on a stream, or on one given by its integer handle, is done."""
        _checked(cudart.cudaStreamSynchronize(stream), "running")

    def allocate(self, num_bytes: int) -> int:
        """Device memory."""
        return int(_checked(cudart.cudaMalloc(num_bytes), f"allocating {num_bytes} bytes on cuda:{self.index}"))

    def free(self, pointer: int) -> None:
        _checked(cudart.cudaFree(pointer), "freeing device memory")

    def allocate_pinned(self, num_bytes: int) -> int:
        """Host memory that the device copies from and to without a detour."""
        return int(_checked(cudart.cudaMallocHost(num_bytes), f"pinning {num_bytes} bytes of host memory"))

    def free_pinned(self, pointer: int) -> None:
        _checked(cudart.cudaFreeHost(pointer), "freeing pinned memory")

    def copy(self, target: int, source: int, num_bytes: int, stream: Any) -> None:
        """Queue a copy between any two of device, pinned and host memory."""
        kind = cudart.cudaMemcpyKind.cudaMemcpyDefault
        _checked(cudart.cudaMemcpyAsync(target, source, num_bytes, kind, stream), f"copying {num_bytes} bytes")

    def begin_capture(self, stream: Any) -> None:
        """From here on, what is queued on the stream is recorded, not run."""
        mode = cudart.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        _checked(cudart.cudaStreamBeginCapture(stream, mode), "beginning to capture")

    def end_capture(self, stream: Any) -> Any:
        """The recorded graph, ready to launch."""
        graph = _checked(cudart.cudaStreamEndCapture(stream), "capturing")
        try:
            return _checked(cudart.cudaGraphInstantiate(graph, 0), "making a graph")
        finally:
            _checked(cudart.cudaGraphDestroy(graph), "destroying a graph")

    def launch(self, graph: Any, stream: Any) -> None:
        _checked(cudart.cudaGraphLaunch(graph, stream), "launching a graph")

    def destroy_graph(self, graph: Any) -> None:
        _checked(cudart.cudaGraphExecDestroy(graph), "destroying a graph")


def _count_devices() -> int:
    try:
        status, count = cudart.cudaGetDeviceCount()
    except RuntimeError as error:  # cuda-bindings finds no driver library
        raise BackendUnavailable(
            f"no CUDA driver ({error}): install one, or give a .onnx file and device='cpu'"
        ) from error
    if status != cudart.cudaError_t.cudaSuccess:
        raise BackendUnavailable(
            f"no usable CUDA device ({_text(status)}): install or update the NVIDIA driver, "
            "or give the .onnx file and device='cpu'"
        )
    return int(count)


def _checked(answer: tuple[Any, ...], doing: str) -> Any:
    """The value of a CUDA call, which answers (status,) or (status, value)."""
    status, *values = answer
    if status != cudart.cudaError_t.cudaSuccess:
        raise BackendError(f"CUDA failed while {doing}: {_text(status)}")
    return values[0] if values else None


def _text(status: Any) -> str:
    _, text = cudart.cudaGetErrorString(status)
    return f"{status.name}: {text.decode()}"

"""Arrays that are on a GPU already: taken from torch, CuPy, pycuda and others, and given back to them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shm_deploy.backends import dlpack
from shm_deploy.errors import SpecError

BYTE = (dlpack.UNSIGNED_INTEGER, 8, 1)
DEFAULT_STREAM = 1  # the legacy default stream's handle


def is_on_gpu(array: object) -> bool:
    """Whether an array has memory on a CUDA device, by either of the two protocols."""
    if hasattr(array, "__cuda_array_interface__"):
        return True
    device = getattr(array, "__dlpack_device__", None)
    return device is not None and device()[0] == dlpack.CUDA


@dataclass(frozen=True, kw_only=True)
class DeviceView:
    """A look at someone else's array, valid while `owner` lives."""

    pointer: int
    shape: tuple[int, ...]
    owner: object


def view(array: Any, stream: int, synchronise: Callable[[int], None]) -> DeviceView:
    """Look at an array on the GPU, when what its owner queued before is done.

    Args:
        array: (H, W, 3) or (N, H, W, 3) uint8 in C order, with `__dlpack__` or `__cuda_array_interface__`.
        stream: handle of the stream that will read it; DLPack's owner makes this stream wait.
        synchronise: waits for a stream by its handle; for the other protocol, which has no such promise.

    Raises:
        SpecError: another dtype, shape or order.
    """
    if hasattr(array, "__dlpack__"):
        capsule = array.__dlpack__(stream=stream)
        found = dlpack.describe(capsule)
        _check(found.shape, found.dtype == BYTE, found.strides is None or found.strides == _c_order(found.shape))
        return DeviceView(pointer=found.pointer, shape=found.shape, owner=(array, capsule))
    interface = array.__cuda_array_interface__
    shape = tuple(interface["shape"])
    strides = interface.get("strides")  # in bytes, which are elements here
    _check(shape, interface["typestr"] == "|u1", strides is None or tuple(strides) == _c_order(shape))
    # Before version 3 nothing is said about streams, and None says that there is nothing to wait for.
    producer = interface.get("stream", None if interface["version"] >= 3 else DEFAULT_STREAM)
    if producer is not None:
        synchronise(producer)
    return DeviceView(pointer=interface["data"][0], shape=shape, owner=array)


class DeviceArray:
    """uint8 memory on a GPU in C order, complete on every stream; freed with the last reference.

    `torch.from_dlpack`, `cupy.from_dlpack` and whatever takes `__cuda_array_interface__` (pycuda, Numba) share it
    without a copy.
    """

    def __init__(self, pointer: int, shape: tuple[int, ...], device: int, free: Callable[[int], None]) -> None:
        self.shape = shape
        self._pointer = pointer
        self._device = device
        weakref.finalize(self, free, pointer).atexit = False  # the driver takes all back then

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": "|u1",
            "data": (self._pointer, False),
            "strides": None,
            "stream": None,
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        return (dlpack.CUDA, self._device)

    def __dlpack__(self, *, stream: int | None = None, max_version: object = None, **_unused: object) -> Any:
        """Nothing is pending, so no stream has to wait; the unversioned capsule suits every taker."""
        return dlpack.bytes_capsule(self._pointer, self.shape, self.__dlpack_device__(), owner=self)


def _check(shape: tuple[int, ...], is_bytes: bool, is_c_order: bool) -> None:
    if not is_bytes or len(shape) not in (3, 4) or shape[-1] != 3 or 0 in shape:
        raise SpecError(
            f"got an array {shape} on the GPU, {'' if is_bytes else 'not '}uint8; "
            "wanted H×W×3 or N×H×W×3 uint8 (RGB, 0..255): convert it there"
        )
    if not is_c_order:
        raise SpecError("got an array on the GPU that is a strided view; wanted C order: call .contiguous() or .copy()")


def _c_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides = [1]
    for size in reversed(shape[1:]):
        strides.insert(0, strides[0] * size)
    return tuple(strides)

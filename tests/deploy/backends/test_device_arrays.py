"""Arrays on a device change hands by two protocols; here the device is host memory."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from shm_deploy.backends import dlpack
from shm_deploy.backends.device_arrays import DeviceArray, is_on_gpu, view
from shm_deploy.errors import SpecError
from shm_deploy.matter import Matter
from tests.deploy.backends.fake_gpu import FakeCuda, FakeTensorRT
from tests.deploy.backends.test_tensorrt import LARGE, SMALL, opened
from tests.deploy.fakes import FakeBackend


class InterfaceOnly:
    """As pycuda's arrays: the CUDA array interface, no DLPack."""

    def __init__(self, array: NDArray[Any], **changes: Any) -> None:
        self.array = array
        self.shape = array.shape
        self.__cuda_array_interface__ = {
            "version": 3,
            "shape": array.shape,
            "typestr": array.__array_interface__["typestr"],
            "data": (array.ctypes.data, False),
            "strides": None,
            "stream": None,
        } | changes


class Capsuled:
    """As torch's and CuPy's: DLPack that makes the reader's stream wait."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self.array = array
        self.shape = array.shape
        self.streams: list[int | None] = []

    def __dlpack_device__(self) -> tuple[int, int]:
        return (dlpack.CUDA, 0)

    def __dlpack__(self, *, stream: int | None = None) -> Any:
        self.streams.append(stream)
        return dlpack.bytes_capsule(self.array.ctypes.data, self.array.shape, (dlpack.CUDA, 0), owner=self)


class OnHost(DeviceArray):
    """A device array whose device is the host, so that NumPy and torch may look into it."""

    def __dlpack_device__(self) -> tuple[int, int]:
        return (dlpack.CPU, 0)


@pytest.fixture
def pixels() -> NDArray[np.uint8]:
    """A frame."""
    return np.random.default_rng(1).integers(0, 256, (64, 80, 3), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("taker", [np.from_dlpack, torch.from_dlpack], ids=["numpy", "torch"])
def test_others_share_the_memory_of_a_device_array(taker: Any, pixels: NDArray[np.uint8]) -> None:
    """It lives as long as any of them, and is freed once."""
    freed: list[int] = []
    array = OnHost(pixels.ctypes.data, pixels.shape, 0, freed.append)
    taken = taker(array)
    del array
    gc.collect()
    assert freed == []
    np.testing.assert_array_equal(np.asarray(taken), pixels)
    del taken
    gc.collect()
    assert freed == [pixels.ctypes.data]


def test_capsule_that_nobody_takes_frees_itself(pixels: NDArray[np.uint8]) -> None:
    """A look at it is no taking."""
    freed: list[int] = []
    array = OnHost(pixels.ctypes.data, pixels.shape, 0, freed.append)
    capsule = array.__dlpack__()
    assert dlpack.describe(capsule).shape == (64, 80, 3)
    del array, capsule
    gc.collect()
    assert freed == [pixels.ctypes.data]


def test_capsules_of_torch_are_understood() -> None:
    """Pointer, dtype, shape and strides."""
    tensor = torch.arange(24, dtype=torch.uint8).reshape(2, 4, 3)[1:]
    found = dlpack.describe(tensor.__dlpack__())
    assert found.pointer == tensor.data_ptr()
    assert found.dtype == (dlpack.UNSIGNED_INTEGER, 8, 1)
    assert found.shape == (1, 4, 3)
    assert found.device == (dlpack.CPU, 0)


def test_arrays_on_a_gpu_are_told_from_others(pixels: NDArray[np.uint8]) -> None:
    """NumPy and torch on the CPU have DLPack too."""
    assert is_on_gpu(InterfaceOnly(pixels))
    assert is_on_gpu(Capsuled(pixels))
    assert not is_on_gpu(pixels)
    assert not is_on_gpu(torch.zeros(1))
    assert not is_on_gpu("portrait.jpg")


def test_reader_waits_for_the_producer(pixels: NDArray[np.uint8]) -> None:
    """DLPack is told our stream; the other protocol names its own, or means the default one before version 3."""
    waited: list[int] = []
    capsuled = Capsuled(pixels)
    view(capsuled, 42, waited.append)
    assert (capsuled.streams, waited) == ([42], [])
    view(InterfaceOnly(pixels, stream=7), 42, waited.append)
    view(InterfaceOnly(pixels, version=2), 42, waited.append)
    view(InterfaceOnly(pixels), 42, waited.append)
    assert waited == [7]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (InterfaceOnly(np.zeros((64, 80, 3), np.float32)), "not uint8"),
        (InterfaceOnly(np.zeros((64, 80, 4), np.uint8)), r"\(64, 80, 4\)"),
        (InterfaceOnly(np.zeros((64, 80, 3), np.uint8), strides=(480, 3, 1)), "C order"),
    ],
    ids=["dtype", "channels", "strides"],
)
def test_arrays_that_are_no_frames_are_refused(array: Any, message: str) -> None:
    """Before anything is copied."""
    with pytest.raises(SpecError, match=message):
        view(array, 1, lambda stream: None)


@pytest.mark.parametrize("kind", [InterfaceOnly, Capsuled])
@pytest.mark.parametrize("batch", [True, False])
def test_matter_keeps_frames_on_the_device(kind: Any, batch: bool, pixels: NDArray[np.uint8], tmp_path: Path) -> None:
    """The fake gives the red channel; what comes out is freed with its last reference."""
    plan = tmp_path / "shm.plan"
    plan.write_bytes(b"ftrt")
    cuda = FakeCuda()
    frames = pixels[None] if batch else pixels
    with Matter(opened(plan, FakeTensorRT(cuda, (SMALL, LARGE)))) as matter:
        mattes = matter.on_device(kind(frames))
    assert mattes.alpha.shape == frames.shape[:-1]
    pointer, _ = mattes.alpha.__cuda_array_interface__["data"]
    alpha = np.frombuffer(cuda.memory[pointer], np.uint8).reshape(mattes.alpha.shape)
    np.testing.assert_array_equal(alpha, frames[..., 0])
    assert len(cuda.memory) == 2
    del mattes
    gc.collect()
    assert cuda.memory == {}


@pytest.mark.parametrize("shape", [(63, 80, 3), (64, 1501, 3), (64, 80, 4)], ids=str)
def test_frames_that_the_host_would_change_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    """Nothing is scaled or padded on the device."""
    plan = tmp_path / "shm.plan"
    plan.write_bytes(b"ftrt")
    with (
        Matter(opened(plan, FakeTensorRT(FakeCuda(), (SMALL, LARGE)))) as matter,
        pytest.raises(SpecError, match="on the GPU; wanted"),
    ):
        matter.on_device(InterfaceOnly(np.zeros(shape, np.uint8)))


def test_device_and_host_are_not_mixed_up(pixels: NDArray[np.uint8]) -> None:
    """Each error names the other way in."""
    matter = Matter(FakeBackend())
    with pytest.raises(SpecError, match=r"call matter\.on_device"):
        matter(InterfaceOnly(pixels))
    with pytest.raises(SpecError, match=r"the fake backend takes arrays in host memory"):
        matter.on_device(InterfaceOnly(pixels))

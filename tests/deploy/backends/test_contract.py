"""What every backend promises, tested on all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.artifacts import find_model
from shm_deploy.backends import Backend, BackendName, Parts, open_backend, open_parts
from shm_deploy.backends.flavours import Flavour
from shm_deploy.backends.plan import Engine
from shm_deploy.backends.protocol import Describes
from shm_deploy.backends.tensorrt import TensorRTBackend
from shm_deploy.sidecar import Profile
from tests.deploy.backends.fake_gpu import FakeCuda, FakeTensorRT

ONNX_RUNTIMES: tuple[BackendName, ...] = ("onnxruntime", "openvino")
# The file of `live_folder` that each backend runs.
LIVE_FILES: dict[BackendName, str] = {
    "onnxruntime": "shm.onnx",
    "tiles": "shm.onnx",
    "openvino": "shm.onnx",
    "pytorch": "live.pt",
}
SIZES = [(1, 64, 64), (2, 65, 99), (1, 200, 333)]


def noise(*shape: int) -> NDArray[np.uint8]:
    """Pixels that differ from each other."""
    return np.random.default_rng(11).integers(0, 256, shape, np.uint8)


def check_outputs(backend: Backend, frames: NDArray[np.uint8]) -> None:
    """Shapes, dtypes, and whose the memory is."""
    mattes = backend.run(frames)
    assert mattes.alpha.shape == frames.shape[:3]
    assert mattes.trimap.shape == frames.shape
    assert mattes.alpha.dtype == mattes.trimap.dtype == np.uint8
    kept = mattes.alpha.copy(), mattes.trimap.copy()
    backend.run(255 - frames)
    np.testing.assert_array_equal(mattes.alpha, kept[0])
    np.testing.assert_array_equal(mattes.trimap, kept[1])
    mattes.alpha[...] = 0  # the caller's own


def check_parts(parts: Parts) -> None:
    """Shapes, dtypes and ranges, with a trimap of the size that T-Net gives."""
    image = np.moveaxis(noise(2, 80, 112, 3), -1, 1).astype(np.float32)
    trimap, features = parts.tnet(image)
    assert trimap.shape[:2] == (2, 3)
    alpha_raw = parts.mnet(image, trimap, features)
    np.testing.assert_array_equal(parts.mnet(image, trimap), alpha_raw)  # T-Net is asked again
    alpha = parts.fusion(trimap, alpha_raw)
    for plane in (alpha_raw, alpha):
        assert plane.shape == (2, 1, 80, 112)
        assert plane.dtype == np.float32
    assert trimap.dtype == np.float32


def check_threads(backend: Backend) -> None:
    """Eight threads get, bit for bit, what one gets."""
    frames = [noise(1, 64 + 8 * index, 96, 3) for index in range(4)]
    alone = [backend.run(frame).alpha for frame in frames]
    with ThreadPoolExecutor(8) as pool:
        for together in pool.map(lambda _: [backend.run(frame).alpha for frame in frames], range(8)):
            for first, second in zip(alone, together, strict=True):
                np.testing.assert_array_equal(first, second)


@pytest.fixture(params=[*ONNX_RUNTIMES, *get_args(Flavour)])
def tiny(request: pytest.FixtureRequest, tiny_model: Path) -> Iterator[Backend]:
    """The tiny graph in each runtime that reads it, and TensorRT on a fake GPU, whose engine gives the same."""
    if request.param in ONNX_RUNTIMES:
        pytest.importorskip(request.param, reason=f"{request.param} is not installed")
        backend = open_backend(find_model(tiny_model), device="cpu", threads=2, backend=request.param)
    else:
        backend = fake_engine(tiny_model, request.param)
    yield backend
    backend.close()


def fake_engine(model: Path, flavour: Flavour) -> Backend:
    """TensorRT's backend beside `model`, on a GPU in host memory, with a small and a large profile."""
    profiles = (
        Profile(minimum=(1, 64, 64), optimum=(1, 64, 96), maximum=(2, 96, 128)),
        Profile(minimum=(1, 64, 64), optimum=(1, 256, 256), maximum=(1, 512, 512)),
    )
    cuda: Any = FakeCuda()
    return TensorRTBackend(Engine(model, None, flavour, FakeTensorRT(cuda, profiles), cuda), cuda)


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_outputs_keep_the_contract(shape: tuple[int, ...], tiny: Backend) -> None:
    """Whatever the size and batch."""
    check_outputs(tiny, noise(*shape, 3))


def test_tiny_graph_gives_what_it_says(tiny: Backend) -> None:
    """Alpha is the red channel, the trimap the frame."""
    frames = noise(2, 70, 90, 3)
    mattes = tiny.run(frames)
    np.testing.assert_array_equal(mattes.alpha, frames[..., 0])
    np.testing.assert_array_equal(mattes.trimap, frames)


def test_many_threads_share_a_backend(tiny: Backend) -> None:
    """A call from any thread gets its own result."""
    check_threads(tiny)


def test_backend_tells_its_facts(tiny: Backend) -> None:
    """Name, device, and threads or profiles."""
    assert isinstance(tiny, Describes)
    if tiny.name in ONNX_RUNTIMES:
        assert (tiny.device, tiny.facts().threads) == ("cpu", 2)
    else:
        assert (tiny.device, len(tiny.facts().profiles)) == ("cuda:0", 2)


def test_read_only_frames_are_taken(tiny: Backend) -> None:
    """As PIL and frombuffer give them."""
    frames = noise(1, 64, 64, 3)
    frames.flags.writeable = False
    np.testing.assert_array_equal(tiny.run(frames).alpha, frames[..., 0])


def test_second_close_does_nothing(tiny: Backend) -> None:
    """Closed by a `with` and once more by hand."""
    tiny.close()
    tiny.close()


@pytest.mark.parametrize("backend", ONNX_RUNTIMES)
def test_tiny_parts_keep_the_contract(backend: BackendName, tiny_model: Path) -> None:
    """T-Net, M-Net and fusion, one by one: 51/255 + 255/255 * 102/255 = 0.6."""
    pytest.importorskip(backend, reason=f"{backend} is not installed")
    parts = open_parts(find_model(tiny_model), device="cpu", backend=backend)
    check_parts(parts)
    image = np.empty((1, 3, 64, 64), np.float32)
    image[0, 0], image[0, 1], image[0, 2] = 51, 102, 255
    trimap = parts.tnet(image).trimap
    np.testing.assert_allclose(parts.fusion(trimap, parts.mnet(image, trimap)), 0.6, atol=1e-6)
    parts.close()
    parts.close()


@pytest.fixture(scope="module")
def open_live(live_folder: Path) -> Callable[[BackendName], Backend]:
    """Opens the calibrated `live` network in a backend."""

    def opened(backend: BackendName) -> Backend:
        return open_backend(find_model(live_folder / LIVE_FILES[backend]), device="cpu", threads=1, backend=backend)

    return opened


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LIVE_FILES))
def test_live_network_keeps_the_contract(name: BackendName, open_live: Callable[[BackendName], Backend]) -> None:
    """Sizes that were never traced, batches, threads, parts."""
    backend = open_live(name)
    for shape in SIZES:
        check_outputs(backend, noise(*shape, 3))
    check_threads(backend)
    backend.close()
    backend.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(LIVE_FILES))
def test_live_parts_keep_the_contract(name: BackendName, live_folder: Path) -> None:
    """The float networks beside the model, or the checkpoint's own."""
    parts = open_parts(find_model(live_folder / LIVE_FILES[name]), device="cpu", threads=2, backend=name)
    check_parts(parts)
    parts.close()


# Tiles take M-Net to agree with a T-Net that is nearly sure; trained ones do (test_tiles.py), random ones don't.
@pytest.mark.slow
@pytest.mark.parametrize("name", ONNX_RUNTIMES)
def test_live_network_agrees_with_pytorch(
    name: BackendName, open_live: Callable[[BackendName], Backend], portrait: NDArray[np.uint8]
) -> None:
    """On a photograph, at sizes of its own and odd ones, within the bounds for two FP32 backends."""
    backend, reference = open_live(name), open_live("pytorch")
    for frame in (portrait, portrait[:301, :203]):
        found, wanted = (each.run(np.ascontiguousarray(frame)[None]) for each in (backend, reference))
        for a, b in ((found.alpha, wanted.alpha), (found.trimap, wanted.trimap)):
            difference = np.abs(a.astype(np.float64) - b) / 255
            assert difference.mean() <= spec.BACKENDS_FP32["live"].mean
            assert np.quantile(difference, 0.999) <= spec.BACKENDS_FP32["live"].p999
    assert wanted.alpha.std() > 10  # a flat answer would prove nothing

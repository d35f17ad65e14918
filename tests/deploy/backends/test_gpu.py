"""What only a CUDA device can run: `pytest -m gpu`.

The engine is built here, from a small untrained network, by whichever TensorRT is installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.artifacts import find_model
from shm_deploy.backends import open_backend
from shm_deploy.errors import DeviceMismatch
from shm_deploy.export.engine import BuildSpec, build_engine, find_device, find_toolkit
from shm_deploy.export.progress import Stage
from shm_deploy.matter import Matter
from shm_deploy.sidecar import Profile, read_sidecar, record_file, sidecar_path, write_sidecar

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

PROFILES = (
    Profile(minimum=(1, 64, 64), optimum=(1, 256, 256), maximum=(4, 320, 320)),
    Profile(minimum=(1, 64, 64), optimum=(1, 512, 512), maximum=(1, 1504, 1504)),
)


@pytest.fixture(scope="module")
def plan(live_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An FP16 engine for this device, with a sidecar, parts and checkpoint beside it."""
    device = find_device()
    if device is None:
        pytest.skip("no CUDA device")
    folder = tmp_path_factory.mktemp("engine")
    shutil.copytree(live_folder, folder, dirs_exist_ok=True)
    toolkit = find_toolkit("auto", device)
    capabilities = (device.compute_capability,) if toolkit.flavour == "rtx" else None
    wanted = BuildSpec(profiles=PROFILES, compute_capabilities=capabilities)
    path = folder / "shm.plan"
    stage = Stage("engine", lambda progress: None)
    engine = build_engine(folder / "shm.fp16.onnx", path, wanted, toolkit, "fp16", stage)
    sidecar = read_sidecar(sidecar_path(path))
    files = {**sidecar.files, "plan": record_file(path)}
    # The golden image's bound is that of the float graphs beside it; parity is judged below.
    write_sidecar(sidecar_path(path), replace(sidecar, files=files, engine=engine, golden=None))
    return path


@pytest.fixture
def matter(plan: Path) -> Iterator[Matter]:
    """The engine, opened."""
    with Matter(plan, "cuda") as opened:
        yield opened


def test_engine_agrees_with_the_reference(matter: Matter, live_folder: Path, portrait: NDArray[np.uint8]) -> None:
    """Within the bounds for FP16, in every profile."""
    with Matter(live_folder / "live.pt", "cpu") as reference:
        for frame in (portrait, portrait[:300, :201], portrait[:64, :64]):
            difference = np.abs(matter(frame).astype(np.float64) - reference(frame)) / 255
            assert difference.mean() <= spec.ENGINE_FP16.mean + 0.5 / 255  # bytes, each rounded
            assert np.quantile(difference, 0.999) <= spec.ENGINE_FP16.p999


def test_sizes_may_change_without_growth(matter: Matter, portrait: NDArray[np.uint8]) -> None:
    """Free memory after forty sizes is what it was after the two largest."""
    cudart = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    matter.warmup([(320, 320), (1504, 1504)])
    for _ in range(2):
        for height in range(64, 464, 10):
            matter(portrait[:height])
    _, free, _ = cudart.cudaMemGetInfo()
    for height in range(64, 464, 10):
        matter(portrait[:height])
    _, free_later, _ = cudart.cudaMemGetInfo()
    assert free_later >= free - (1 << 20)


def test_repeated_frames_stay_equal(matter: Matter, portrait: NDArray[np.uint8]) -> None:
    """Before, at and after the change to a CUDA graph; RTX may change its kernels once, within the bounds."""
    first = matter(portrait).astype(np.float64)
    for _ in range(10):
        difference = np.abs(matter(portrait) - first) / 255
        assert np.quantile(difference, 0.999) <= spec.ENGINE_FP16.p999


def test_threads_get_their_own_mattes(matter: Matter, portrait: NDArray[np.uint8]) -> None:
    """Eight threads on the pool's lanes."""
    frames = [portrait[: 128 + 32 * index] for index in range(8)]
    alone = [matter(frame) for frame in frames]
    with ThreadPoolExecutor(8) as pool:
        for one, other in zip(alone, pool.map(matter, frames), strict=True):
            difference = np.abs(one.astype(np.float64) - other) / 255
            assert np.quantile(difference, 0.999) <= spec.ENGINE_FP16.p999


def test_closing_gives_memory_back(plan: Path, portrait: NDArray[np.uint8]) -> None:
    """Opened and closed five times, the device has what it had after the first."""
    cudart = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    free = []
    for _ in range(5):
        with Matter(plan, "cuda") as matter:
            matter(portrait)
        free.append(cudart.cudaMemGetInfo()[1])
    assert free[-1] >= free[0] - (1 << 20)


def test_frames_of_torch_stay_on_the_device(matter: Matter, portrait: NDArray[np.uint8]) -> None:
    """In by DLPack, out by DLPack, equal to the way over the host."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch has no CUDA")
    with torch.cuda.stream(torch.cuda.Stream()):
        frames = torch.from_numpy(portrait).cuda()
        mattes = matter.on_device(frames)
    np.testing.assert_array_equal(torch.from_dlpack(mattes.alpha).cpu().numpy(), matter(portrait))


@pytest.mark.parametrize("module", ["cupy", "pycuda.gpuarray"])
def test_frames_of_others_stay_on_the_device(module: str, matter: Matter, portrait: NDArray[np.uint8]) -> None:
    """CuPy by DLPack, pycuda by the CUDA array interface in the primary context."""
    if module == "cupy":
        cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
        alpha = cupy.from_dlpack(matter.on_device(cupy.asarray(portrait)).alpha).get()
    else:
        pytest.importorskip("pycuda.autoprimaryctx", reason="pycuda is not installed")
        gpuarray = pytest.importorskip(module)
        mattes = matter.on_device(gpuarray.to_gpu(portrait))
        pointer, _ = mattes.alpha.__cuda_array_interface__["data"]
        alpha = gpuarray.GPUArray(mattes.alpha.shape, np.uint8, gpudata=pointer).get()
    np.testing.assert_array_equal(alpha, matter(portrait))


def test_kernels_are_cached_beside_an_rtx_plan(plan: Path, portrait: NDArray[np.uint8]) -> None:
    """TensorRT proper compiles at build time and has none."""
    sidecar = read_sidecar(sidecar_path(plan))
    assert sidecar.engine is not None
    with Matter(plan, "cuda") as matter:
        matter(portrait)
    assert plan.with_name("shm.plan.cache").is_file() == (sidecar.engine.flavour == "rtx")


def test_plan_of_another_version_is_refused(plan: Path, tmp_path: Path) -> None:
    """Exit code 4, by what the sidecar says."""
    shutil.copytree(plan.parent, tmp_path, dirs_exist_ok=True)
    path = sidecar_path(tmp_path / plan.name)
    sidecar = read_sidecar(path)
    assert sidecar.engine is not None
    write_sidecar(path, replace(sidecar, engine=replace(sidecar.engine, version="0.0.1")))
    with pytest.raises(DeviceMismatch, match=r"0\.0\.1"):
        Matter(tmp_path / plan.name)


def test_onnxruntime_on_cuda_agrees_with_the_reference(live_folder: Path, portrait: NDArray[np.uint8]) -> None:
    """FP32 on the device that was asked for."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has no CUDA")
    backend = open_backend(find_model(live_folder / "shm.onnx"), device="cuda")
    reference = open_backend(find_model(live_folder / "live.pt"), device="cpu")
    assert backend.device == "cuda:0"
    difference = (
        np.abs(backend.run(portrait[None]).alpha.astype(np.float64) - reference.run(portrait[None]).alpha) / 255
    )
    assert difference.mean() <= spec.BACKENDS_FP32["live"].mean
    assert np.quantile(difference, 0.999) <= spec.BACKENDS_FP32["live"].p999

"""The host's side of the TensorRT backend, on a GPU that is host memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy.backends.flavours import Flavour
from shm_deploy.backends.lane import MAX_GRAPHS
from shm_deploy.backends.plan import Engine, choose_profile, plan_flavour
from shm_deploy.backends.tensorrt import TensorRTBackend, open_tensorrt
from shm_deploy.errors import ArtifactError, BackendError, BackendUnavailable, DeviceMismatch, SpecError
from shm_deploy.matter import Matter
from shm_deploy.sidecar import EngineRecord, Profile
from tests.deploy.backends.fake_gpu import DataType, Diagnostics, FakeCuda, FakeTensorRT, Validity
from tests.deploy.sidecars import ENGINE

SMALL = Profile(minimum=(1, 64, 64), optimum=(1, 64, 96), maximum=(2, 96, 128))
LARGE = Profile(minimum=(1, 64, 64), optimum=(1, 256, 256), maximum=(1, 512, 512))
RECORD = replace(ENGINE, flavour="tensorrt", version="1.7.1", profiles=(SMALL, LARGE))


def noise(*shape: int) -> NDArray[np.uint8]:
    """Pixels that differ from each other."""
    return np.random.default_rng(5).integers(0, 256, shape, np.uint8)


@pytest.fixture
def cuda() -> FakeCuda:
    """One device."""
    return FakeCuda()


@pytest.fixture
def trt(cuda: FakeCuda) -> FakeTensorRT:
    """A module with two profiles."""
    return FakeTensorRT(cuda, (SMALL, LARGE))


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    """A file that begins as plans do."""
    path = tmp_path / "shm.plan"
    path.write_bytes(b"ftrt and the rest")
    return path


def opened(plan: Path, trt: FakeTensorRT, flavour: Flavour = "tensorrt", record: EngineRecord | None = None) -> Any:
    """A backend on the fakes."""
    cuda: Any = trt.cuda
    return TensorRTBackend(Engine(plan, record, flavour, trt, cuda), cuda)


def test_smallest_profile_that_holds_the_shape_is_chosen() -> None:
    """In whatever order they are stored; the batch counts too."""
    assert choose_profile((SMALL, LARGE), (1, 64, 64)) == 0
    assert choose_profile((LARGE, SMALL), (1, 64, 64)) == 1
    assert choose_profile((SMALL, LARGE), (1, 97, 64)) == 1
    assert choose_profile((SMALL, LARGE), (2, 96, 128)) == 0


@pytest.mark.parametrize("shape", [(1, 513, 64), (2, 97, 64), (3, 64, 64), (1, 63, 64)], ids=str)
def test_shape_outside_all_profiles_names_them(shape: tuple[int, int, int]) -> None:
    """Before any call to the GPU."""
    with pytest.raises(SpecError, match=r"1x64x64 \.\. 1x96x64 \.\. 2x128x96.*1x512x512"):
        choose_profile((SMALL, LARGE), shape)


@pytest.mark.parametrize("shape", [(1, 64, 64, 3), (2, 96, 128, 3), (1, 511, 333, 3)], ids=str)
@pytest.mark.parametrize("flavour", ["tensorrt", "rtx"])
def test_frames_go_to_the_device_and_mattes_come_back(
    shape: tuple[int, ...], flavour: Flavour, plan: Path, trt: FakeTensorRT
) -> None:
    """The fake gives the red channel; the arrays are the caller's own."""
    backend = opened(plan, trt, flavour)
    frames = noise(*shape)
    mattes = backend.run(frames)
    backend.run(np.zeros_like(frames))
    np.testing.assert_array_equal(mattes.alpha, frames[..., 0])
    np.testing.assert_array_equal(mattes.trimap, frames)


def test_changing_sizes_allocate_nothing_more(plan: Path, trt: FakeTensorRT) -> None:
    """Buffers are sized once per profile."""
    backend = opened(plan, trt)
    backend.run(noise(1, 64, 64, 3))
    backend.run(noise(1, 512, 512, 3))
    before = trt.cuda.num_allocations, trt.num_contexts
    for height in range(64, 300, 7):
        backend.run(noise(1, height, 80, 3))
    assert (trt.cuda.num_allocations, trt.num_contexts) == before


def test_repeated_size_becomes_a_graph_that_is_verified(plan: Path, trt: FakeTensorRT) -> None:
    """After three runs of one size; from the fourth on it is launched, and right for other pixels."""
    backend = opened(plan, trt)
    for _ in range(3):
        backend.run(noise(1, 64, 80, 3))
    assert len(trt.cuda.graphs) == 1
    launches = trt.cuda.num_launches
    frames = noise(1, 64, 80, 3)[:, ::-1].copy()
    np.testing.assert_array_equal(backend.run(frames).alpha, frames[..., 0])
    assert trt.cuda.num_launches == launches + 1


def test_size_that_changes_each_time_makes_no_graph(plan: Path, trt: FakeTensorRT) -> None:
    """A folder of photographs is not worth one."""
    backend = opened(plan, trt)
    for index in range(20):
        backend.run(noise(1, 64 + index % 2, 80, 3))
    assert not trt.cuda.graphs


def test_number_of_graphs_is_bounded(plan: Path, trt: FakeTensorRT) -> None:
    """The least used one goes, and is destroyed."""
    backend = opened(plan, trt)
    for height in range(64, 64 + 2 * MAX_GRAPHS):
        for _ in range(4):
            frames = noise(1, height, 80, 3)
            np.testing.assert_array_equal(backend.run(frames).alpha, frames[..., 0])
    assert len(trt.cuda.graphs) == MAX_GRAPHS


def test_graph_that_differs_is_given_up(plan: Path, trt: FakeTensorRT, caplog: pytest.LogCaptureFixture) -> None:
    """The matte stays right, and a warning says so once."""
    trt.graphs_differ = True
    backend = opened(plan, trt)
    frames = noise(1, 64, 80, 3)
    for _ in range(6):
        np.testing.assert_array_equal(backend.run(frames).alpha, frames[..., 0])
    assert not trt.cuda.graphs
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_rtx_captures_its_graphs_itself(plan: Path, trt: FakeTensorRT) -> None:
    """We record none: its kernels may be replaced by better ones later."""
    backend = opened(plan, trt, "rtx")
    for _ in range(5):
        backend.run(noise(1, 64, 80, 3))
    assert not trt.cuda.graphs


@pytest.mark.parametrize("flavour", ["tensorrt", "rtx"])
def test_close_gives_everything_back(flavour: Flavour, plan: Path, trt: FakeTensorRT) -> None:
    """Memory, streams and graphs of every lane."""
    with Matter(opened(plan, trt, flavour)) as matter, ThreadPoolExecutor(8) as pool:
        frames = [noise(64 + index % 3, 80, 3) for index in range(40)]
        for frame, alpha in zip(frames, pool.map(matter, frames), strict=True):
            np.testing.assert_array_equal(alpha, frame[..., 0])
    assert (trt.cuda.memory, trt.cuda.streams, trt.cuda.graphs) == ({}, set(), set())


@pytest.mark.parametrize(
    ("call", "flavour"),
    [
        ("Runtime", "tensorrt"),
        ("create_runtime_config", "rtx"),
        ("create_runtime_cache", "rtx"),
        ("set_runtime_cache", "rtx"),
        ("create_execution_context", "tensorrt"),
        ("set_optimization_profile_async", "tensorrt"),
        ("set_tensor_address", "tensorrt"),
        ("set_input_shape", "tensorrt"),
        ("infer_shapes", "tensorrt"),
        ("execute_async_v3", "tensorrt"),
        ("serialize", "rtx"),
    ],
)
def test_what_tensorrt_refuses_is_an_error_with_its_words(
    call: str, flavour: Flavour, plan: Path, trt: FakeTensorRT
) -> None:
    """It answers None or False, and writes the reason to its log."""
    trt.refuses.add(call)
    with pytest.raises(BackendError, match="native words"):
        opened(plan, trt, flavour).run(noise(1, 64, 64, 3))


def test_failed_context_leaks_nothing(plan: Path, trt: FakeTensorRT) -> None:
    """Buffers that were made for it are freed."""
    backend = opened(plan, trt)
    backend.run(noise(1, 64, 64, 3))
    held = set(trt.cuda.memory)
    trt.refuses.add("create_execution_context")
    with pytest.raises(BackendError):
        backend.run(noise(1, 512, 512, 3))
    assert set(trt.cuda.memory) == held


def test_plan_that_does_not_deserialise_is_a_mismatch(plan: Path, trt: FakeTensorRT) -> None:
    """None, not an exception, is what TensorRT gives."""
    trt.refuses.add("deserialize_cuda_engine")
    with pytest.raises(DeviceMismatch, match=r"Fake GPU can't read .*native words.*export it here"):
        opened(plan, trt)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (replace(RECORD, version="1.4.0"), r"built by tensorrt 1\.4\.0, 1\.7\.1 is installed"),
        (replace(RECORD, compute_capabilities=("8.9", "12.0")), r"capability 8\.9, 12\.0, Fake GPU has 8\.6"),
    ],
    ids=["version", "gpu"],
)
def test_plan_of_another_version_or_gpu_is_told_before_it_is_read(
    record: EngineRecord, message: str, plan: Path, trt: FakeTensorRT
) -> None:
    """The sidecar knows."""
    trt.refuses.add("Runtime")  # would be another error
    with pytest.raises(DeviceMismatch, match=message):
        opened(plan, trt, record=record)


@pytest.mark.parametrize(
    ("bits", "error", "message"),
    [
        (Diagnostics.UNSUPPORTED_CC, DeviceMismatch, "UNSUPPORTED_CC"),
        (Diagnostics.VERSION_MISMATCH, DeviceMismatch, "VERSION_MISMATCH"),
        (Diagnostics.MALFORMED_ENGINE, ArtifactError, "damaged"),
    ],
)
def test_header_is_checked_before_the_rest_is_read(
    bits: Diagnostics, error: type[Exception], message: str, plan: Path, trt: FakeTensorRT
) -> None:
    """Where the version can; without a sidecar too."""
    trt.validity = (Validity.INVALID, int(bits))
    trt.refuses.add("deserialize_cuda_engine")
    with pytest.raises(error, match=message):
        opened(plan, trt)


def test_engine_of_another_network_is_refused(plan: Path, trt: FakeTensorRT) -> None:
    """Its tensors are named beside those that are wanted."""
    trt.dtype = DataType.FLOAT
    with pytest.raises(ArtifactError, match=r"image \(float\).*wanted.*image \(uint8\)"):
        opened(plan, trt)


@pytest.mark.parametrize("content", [b"", b"ft", b"ONNX model"], ids=str)
def test_file_that_is_no_plan_is_refused(content: bytes, plan: Path) -> None:
    """By its first four bytes."""
    plan.write_bytes(content)
    with pytest.raises(ArtifactError, match="truncated or foreign"):
        plan_flavour(plan, None)


def test_flavour_is_that_of_the_file(plan: Path) -> None:
    """The sidecar must agree."""
    assert plan_flavour(plan, None) == "tensorrt"
    plan.write_bytes(b"vtrt and the rest")
    assert plan_flavour(plan, None) == "rtx"
    with pytest.raises(ArtifactError, match="its sidecar says tensorrt"):
        plan_flavour(plan, RECORD)


def test_compiled_kernels_are_kept_beside_the_plan(plan: Path, trt: FakeTensorRT) -> None:
    """After the first run, and again when there are more."""
    cache = plan.with_name("shm.plan.cache")
    backend = opened(plan, trt, "rtx")
    assert not cache.exists()
    backend.run(noise(1, 64, 64, 3))
    assert cache.read_bytes() == b"kernels"
    trt.cache = b"more kernels"
    backend.run(noise(1, 64, 64, 3))
    assert cache.read_bytes() == b"kernels"
    backend.close()
    assert cache.read_bytes() == b"more kernels"
    opened(plan, trt, "rtx")
    assert trt.caches_read == [b"more kernels"]


def test_foreign_cache_is_written_anew(plan: Path, trt: FakeTensorRT) -> None:
    """One of another driver does no harm."""
    cache = plan.with_name("shm.plan.cache")
    cache.write_bytes(b"foreign")
    trt.refuses.add("deserialize")
    backend = opened(plan, trt, "rtx")
    backend.run(noise(1, 64, 64, 3))
    assert cache.read_bytes() == b"kernels"


def test_cache_that_can_not_be_written_is_a_warning(
    plan: Path, trt: FakeTensorRT, caplog: pytest.LogCaptureFixture
) -> None:
    """A read-only installation still mattes."""
    plan.with_name("shm.plan.cache.part").mkdir()
    backend = opened(plan, trt, "rtx")
    assert backend.run(noise(1, 64, 64, 3)).alpha.shape == (1, 64, 64)
    assert "can't be cached" in caplog.text


def test_matter_tells_the_profiles(plan: Path, trt: FakeTensorRT) -> None:
    """And the device."""
    info = Matter(opened(plan, trt)).info()
    assert (info.backend, info.device, info.profiles) == ("tensorrt", "cuda:0", (SMALL, LARGE))
    assert info.threads is None


def test_plan_is_refused_on_the_cpu(plan: Path) -> None:
    """What was asked for runs, or an error says why not."""
    with pytest.raises(SpecError, match=r"give the \.onnx"):
        open_tensorrt(plan, None, "cpu")


def test_plan_without_a_driver_is_an_error_not_a_crash(plan: Path) -> None:
    """A lean runtime without a driver ends the process; the driver is looked for first."""
    cudart = pytest.importorskip("cuda.bindings.runtime", reason="cuda-bindings is not installed")
    status, _ = cudart.cudaGetDeviceCount()
    if status == cudart.cudaError_t.cudaSuccess:
        pytest.skip("this machine has a CUDA driver")
    with pytest.raises(BackendUnavailable, match=r"no usable CUDA device.*\.onnx"):
        Matter(plan)

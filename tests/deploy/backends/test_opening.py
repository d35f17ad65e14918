"""Which backend opens a file, and what is said where none can."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shm_deploy import spec
from shm_deploy.artifacts import ModelFile, find_model
from shm_deploy.backends import open_backend
from shm_deploy.backends.opening import BackendName, runtime_of
from shm_deploy.errors import ArtifactError, BackendUnavailable, MatteError, SpecError
from shm_deploy.matter import Matter
from shm_deploy.sidecar import sidecar_path, write_sidecar
from tests.deploy.sidecars import sidecar_of


def test_file_chooses_its_backend(tiny_model: Path) -> None:
    """Unless another is asked for that reads it too."""
    model = find_model(tiny_model)
    assert runtime_of(model, "auto", "cpu") == "onnxruntime"
    assert runtime_of(model, "openvino", "cpu") == "openvino"


def live_model(model: Path, folder: Path, network: dict[str, Any]) -> ModelFile:
    """The graphs of a model copied beside a sidecar that names its network."""
    for file in model.parent.glob("*.onnx"):
        shutil.copy(file, folder)
    if network["variant"] == "live":
        shutil.copy(folder / spec.MNET_FILE, folder / spec.COEFFICIENTS_FILE)  # a file; nothing here runs it
    copied = folder / model.name
    write_sidecar(sidecar_path(copied), sidecar_of(copied, network=network))
    return find_model(copied)


def test_live_runs_in_tiles_on_a_cpu(tiny_model: Path, tmp_path: Path) -> None:
    """Its sidecar tells the networks' budgets; CUDA, or a word of the caller's, takes it in one piece."""
    model = live_model(tiny_model, tmp_path, {"variant": "live", "tnet_edge": 320, "mnet_edge": 640})
    assert runtime_of(model, "auto", "cpu") == "tiles"
    assert runtime_of(model, "auto", "cuda") == "onnxruntime"
    assert runtime_of(model, "onnxruntime", "cpu") == "onnxruntime"
    assert open_backend(model, device="cpu").name == "tiles"


def test_paper_runs_in_one_piece(tiny_model: Path, tmp_path: Path) -> None:
    """Its M-Net works at the frame's size; asking for them is an error that says what to do."""
    model = live_model(tiny_model, tmp_path, {"variant": "paper"})
    assert runtime_of(model, "auto", "cpu") == "onnxruntime"
    with pytest.raises(SpecError, match="wanted a `live` model"):
        open_backend(model, device="cpu", backend="tiles")


def test_tiles_are_for_the_cpu(tiny_model: Path, tmp_path: Path) -> None:
    """Never the CPU where CUDA was asked for."""
    model = live_model(tiny_model, tmp_path, {"variant": "live", "tnet_edge": 320, "mnet_edge": 640})
    with pytest.raises(SpecError, match="it is for the CPU"):
        open_backend(model, device="cuda", backend="tiles")


def test_8_bit_wants_a_t_net_in_8_bit(tiny_model: Path, tmp_path: Path) -> None:
    """The message says how to export one."""
    model = live_model(tiny_model, tmp_path, {"variant": "live", "tnet_edge": 320, "mnet_edge": 640})
    with pytest.raises(ArtifactError, match="shm-export --int8"):
        open_backend(model, device="cpu", backend="int8")


@pytest.mark.parametrize("backend", ["pytorch", "tensorrt", "onnx"])
def test_backend_that_does_not_read_the_file_is_refused(backend: BackendName, tiny_model: Path) -> None:
    """Those that do are named."""
    with pytest.raises(SpecError, match="wanted 'auto' or onnxruntime or tiles or int8 or openvino"):
        open_backend(find_model(tiny_model), backend=backend)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", "CUDA", ""])
def test_unknown_device_is_refused(device: str, tiny_model: Path) -> None:
    """The known ones are named."""
    with pytest.raises(SpecError, match="'auto', 'cpu', 'cuda' or 'cuda:N'"):
        Matter(tiny_model, device)


@pytest.mark.parametrize("threads", [0, -2])
def test_threads_below_one_are_refused(threads: int, tiny_model: Path) -> None:
    """Zero is ONNX Runtime's word for something else."""
    with pytest.raises(SpecError, match="threads"):
        Matter(tiny_model, threads=threads)


def test_threads_of_an_engine_are_those_of_its_parts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said; and what is no number of threads is refused as elsewhere, before a GPU is looked for."""
    (tmp_path / "shm.plan").write_bytes(b"ftrt")
    plan = find_model(tmp_path / "shm.plan")
    with caplog.at_level(logging.INFO), pytest.raises(MatteError):  # no GPU, or device "cpu" for a plan
        open_backend(plan, device="cpu", threads=2)
    assert "threads=2 is for its parts" in caplog.text
    with pytest.raises(SpecError, match="got threads=0"):
        open_backend(plan, device="cpu", threads=0)


def test_openvino_has_no_cuda(tiny_model: Path) -> None:
    """It is not run on the CPU instead."""
    pytest.importorskip("openvino", reason="extra [openvino] is not installed")
    with pytest.raises(BackendUnavailable, match="no CUDA"):
        Matter(tiny_model, "cuda", backend="openvino")


def test_cuda_never_becomes_the_cpu(tiny_model: Path) -> None:
    """The wheel without CUDA says so, with the line that installs the other."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(BackendUnavailable, match=r"asked for cuda:1.*semantic-human-matting\[gpu\]"):
        Matter(tiny_model, "cuda:1")


@pytest.mark.parametrize(
    ("module", "backend", "extra"), [("onnxruntime", "auto", "cpu"), ("openvino", "openvino", "openvino")]
)
def test_missing_package_names_its_extra(module: str, backend: str, extra: str, tiny_model: Path) -> None:
    """As on a machine where it is not installed."""
    code = (
        "import sys\n"
        f"sys.modules[{module!r}] = None\n"
        "from shm_deploy import BackendUnavailable, Matter\n"
        "try:\n"
        f"    Matter({str(tiny_model)!r}, backend={backend!r})\n"
        "except BackendUnavailable as error:\n"
        "    print(error)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert f"pip install 'semantic-human-matting[{extra}]'" in result.stdout


def test_opening_an_onnx_file_imports_no_other_runtime(tiny_model: Path) -> None:
    """An application pays for what it uses."""
    code = (
        "import sys\n"
        "from shm_deploy import Matter\n"
        f"Matter({str(tiny_model)!r})\n"
        "assert 'onnxruntime' in sys.modules\n"
        "assert not {'torch', 'openvino', 'tensorrt', 'tensorrt_rtx', 'cuda', 'PIL', 'cv2'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

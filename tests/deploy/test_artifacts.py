"""Model files: whole ones are found, others say what is wrong with them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from shm_deploy import spec
from shm_deploy.artifacts import PACKAGED_MODEL, find_model
from shm_deploy.errors import ArtifactError, SpecError
from shm_deploy.matter import Matter
from shm_deploy.sidecar import sidecar_path, write_sidecar
from tests.deploy.sidecars import sidecar_of


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model and its parts, with a sidecar."""
    shutil.copytree(tiny_model.parent, tmp_path, dirs_exist_ok=True)
    path = tmp_path / tiny_model.name
    write_sidecar(sidecar_path(path), sidecar_of(path))
    return path


def test_model_with_a_sidecar_is_compared_with_it(model: Path) -> None:
    """The right bytes pass."""
    found = find_model(model)
    assert found.kind == "onnx"
    assert found.sidecar is not None
    assert found.sha256 == found.sidecar.files["joined"].sha256
    assert found.parts().tnet == model.with_name(spec.TNET_FILE)


def test_bare_model_needs_no_sidecar(tiny_model: Path) -> None:
    """An .onnx of one's own runs."""
    assert find_model(str(tiny_model)).sidecar is None


@pytest.mark.parametrize("name", ["shm.onnx", spec.TNET_FILE])
def test_truncated_file_is_told_from_its_sidecar(name: str, model: Path) -> None:
    """Both sizes are named; nothing is opened."""
    path = model.with_name(name)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtifactError, match=rf"{name} has 100 bytes, its sidecar says \d+"):
        find_model(model).parts()


def test_other_bytes_are_told_from_their_sidecar(model: Path) -> None:
    """One flipped bit is enough."""
    content = bytearray(model.read_bytes())
    content[-1] ^= 1
    model.write_bytes(content)
    with pytest.raises(ArtifactError, match="different exports"):
        find_model(model)


def test_sidecar_of_another_model_is_refused(model: Path) -> None:
    """A file that the sidecar does not name did not come with it."""
    other = model.with_name("shm.other.onnx")
    shutil.copy(model, other)
    with pytest.raises(ArtifactError, match=r"does not describe shm\.other\.onnx"):
        find_model(other)


def test_truncated_bare_model_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    """The runtime finds out, and says so in the library's words."""
    path = tmp_path / "cut.onnx"
    path.write_bytes(tiny_model.read_bytes()[:-20])
    with pytest.raises(ArtifactError, match="truncated or foreign"):
        Matter(path)


@pytest.mark.parametrize(("name", "content"), [("a.onnx", b""), ("a.plan", b""), ("a.pt", b"PK\x03\x04 cut")])
def test_empty_and_truncated_files_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    """Without a runtime."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="truncated"):
        find_model(path)


def test_part_of_a_model_is_no_joined_graph(tiny_model: Path) -> None:
    """What it takes and gives is named beside what is wanted."""
    with pytest.raises(ArtifactError, match=r"tnet\.onnx takes image \(float\).*wanted.*image \(uint8\)"):
        Matter(tiny_model.with_name(spec.TNET_FILE))


def test_missing_part_is_named(tiny_model: Path, tmp_path: Path) -> None:
    """A lone file mattes bytes; what needs the parts says which file is missing."""
    lone = tmp_path / "shm.onnx"
    shutil.copy(tiny_model, lone)
    image = np.zeros((64, 64, 3), np.uint8)
    with Matter(lone) as matter:
        assert matter(image).shape == (64, 64)
        with pytest.raises(ArtifactError, match=r"tnet\.onnx is missing"):
            matter(image, dtype=np.float32)


def test_missing_model_is_named(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(ArtifactError, match=r"no model .*none\.onnx: check the path"):
        find_model(tmp_path / "none.onnx")


def test_unknown_suffix_is_refused() -> None:
    """The known ones are named."""
    with pytest.raises(SpecError, match=r"\.onnx, \.plan, \.pt"):
        find_model("shm.engine")


def test_packaged_model_is_the_default() -> None:
    """It lies in the package."""
    assert PACKAGED_MODEL.parts[-3:] == ("shm_deploy", "weights", "shm-live.onnx")

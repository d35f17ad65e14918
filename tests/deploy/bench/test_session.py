"""Which reference a model is compared with, and how closely it is held."""

from dataclasses import replace

import pytest

from shm_deploy import spec
from shm_deploy.artifacts import find_model
from shm_deploy.bench.session import find_reference, promised
from shm_deploy.errors import ArtifactError
from shm_deploy.sidecar import read_sidecar, sidecar_path, write_sidecar
from tests.deploy.bench.conftest import write_red_graph
from tests.deploy.sidecars import ENGINE, sidecar_of


@pytest.fixture
def exported(tmp_path):
    """`shm.onnx`, `shm.fp16.onnx` and `shm.plan` with a sidecar that names a reference; it must be no checkpoint."""
    model = write_red_graph(tmp_path / "shm.onnx")
    write_red_graph(tmp_path / "shm.fp16.onnx", offset=1)
    (tmp_path / "shm.plan").write_bytes(b"a plan")
    reference = write_red_graph(tmp_path / "reference.onnx")
    write_sidecar(sidecar_path(model), sidecar_of(model, engine=ENGINE, checkpoint=reference))
    return model


def test_reference_is_the_one_that_the_sidecar_names(exported):
    """After its bytes were compared with what the sidecar says."""
    reference = exported.with_name("reference.onnx")
    assert find_reference(find_model(exported), None).path == reference
    reference.write_bytes(reference.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match=r"reference\.onnx has \d+ bytes, its sidecar says \d+"):
        find_reference(find_model(exported), None)


def test_a_missing_reference_is_named_with_both_ways_out(exported):
    """Another checkpoint, or no comparison."""
    exported.with_name("reference.onnx").unlink()
    with pytest.raises(ArtifactError, match=r"reference\.onnx is missing.*--ckpt.*--no-parity"):
        find_reference(find_model(exported), None)


def test_a_checkpoint_of_ones_own_wins(exported, tmp_path):
    """Over the one that the sidecar names."""
    (tmp_path / "other").mkdir()
    other = write_red_graph(tmp_path / "other" / "red.onnx")
    assert find_reference(find_model(exported), other).path == other


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("shm.onnx", spec.BACKENDS_FP32["live"]),
        ("shm.fp16.onnx", spec.ENGINE_FP16),
        ("shm.plan", spec.ENGINE_FP16),
    ],
)
def test_bounds_are_those_of_the_files_precision(name, wanted, exported):
    """A plan's stands in the sidecar, a graph's follows from its role."""
    assert promised(find_model(exported.with_name(name))) == wanted


def test_bounds_are_those_of_the_variant(exported):
    """`paper` amplifies rounding more."""
    path = sidecar_path(exported)
    write_sidecar(path, replace(read_sidecar(path), variant="paper"))
    assert promised(find_model(exported)) == spec.BACKENDS_FP32["paper"]
    path.unlink()
    assert promised(find_model(exported)) == spec.BACKENDS_FP32["live"]

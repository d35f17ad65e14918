"""An export replaces nothing but an earlier one of its own name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shm_deploy import spec
from shm_deploy.errors import SpecError
from shm_deploy.export.neighbours import check_parts, check_place
from shm_deploy.export.wanted import ExportSpec
from shm_deploy.sidecar import record_file, write_sidecar
from tests.deploy.sidecars import sidecar_of


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Only its bytes matter here."""
    path = tmp_path / "first.pt"
    path.write_bytes(b"weights of the first")
    return path


@pytest.fixture
def engines(checkpoint: Path, tmp_path: Path) -> Path:
    """A folder with an export of that checkpoint, called shm."""
    folder = tmp_path / "engines"
    folder.mkdir()
    for name in ("shm.onnx", *spec.PARTS.values()):
        (folder / name).write_text(name)
    write_sidecar(folder / "shm.json", sidecar_of(folder / "shm.onnx", checkpoint=checkpoint))
    (folder / "report.json").write_text('{"schema_version": 1}')
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another checkpoint."""
    path = tmp_path / "second.pt"
    path.write_bytes(b"weights of the second")
    return path


def test_same_name_again_replaces_the_earlier_export(engines: Path, other: Path) -> None:
    """Whatever it was made of."""
    check_place(ExportSpec(checkpoint=other, out=engines))


def test_another_checkpoint_does_not_get_the_parts_of_a_model(engines: Path, other: Path) -> None:
    """Their names are fixed, so the first model would be left with those of the second."""
    with pytest.raises(SpecError, match=r"belong to shm, .* give another --out"):
        check_place(ExportSpec(checkpoint=other, out=engines, name="second"))


@pytest.mark.parametrize("way", ["compact", "opset"])
def test_another_way_to_export_makes_other_parts(way: str, engines: Path, checkpoint: Path) -> None:
    """Those of the same checkpoint, too."""
    wanted = ExportSpec(checkpoint=checkpoint, out=engines, name="small")
    check_place(wanted)
    changed = replace(wanted, compact=True) if way == "compact" else replace(wanted, opset=spec.OPSET + 1)
    with pytest.raises(SpecError, match="belong to shm"):
        check_place(changed)


def test_8_bit_of_a_model_does_not_go(engines: Path, checkpoint: Path) -> None:
    """An export without it would remove it."""
    (engines / spec.TNET_INT8_FILE).write_text("8 bit")
    sidecar = sidecar_of(engines / "shm.onnx", checkpoint=checkpoint)
    files = {**sidecar.files, spec.TNET_INT8: record_file(engines / spec.TNET_INT8_FILE)}
    write_sidecar(engines / "shm.json", replace(sidecar, files=files))
    with pytest.raises(SpecError, match="belong to shm"):
        check_place(ExportSpec(checkpoint=checkpoint, out=engines, name="second"))
    check_place(ExportSpec(checkpoint=checkpoint, out=engines, name="second", int8=True))


def test_parts_that_turn_out_different_are_not_placed(engines: Path, checkpoint: Path) -> None:
    """Another version of the exporter writes other bytes; the first model's hashes would no longer hold."""
    wanted = ExportSpec(checkpoint=checkpoint, out=engines, name="second")
    made = {role: record_file(engines / file) for role, file in spec.PARTS.items()}
    check_parts(wanted, made)
    with pytest.raises(SpecError, match="belong to shm"):
        check_parts(wanted, {**made, "mnet": replace(made["mnet"], sha256="0" * 64)})


def test_compact_export_does_not_replace_its_own_checkpoint(checkpoint: Path) -> None:
    """The rounded one, NAME.pt, has lost what training goes on from."""
    with pytest.raises(SpecError, match="which would replace it"):
        check_place(ExportSpec(checkpoint=checkpoint, out=checkpoint.parent, name="first", compact=True))


def test_compact_export_replaces_no_other_checkpoint(checkpoint: Path, other: Path) -> None:
    """Only what an earlier compact export has written."""
    wanted = ExportSpec(checkpoint=checkpoint, out=other.parent, name="second", compact=True)
    with pytest.raises(SpecError, match="another checkpoint lies there"):
        check_place(wanted)
    sidecar = replace(sidecar_of(other), files={"rounded": record_file(other)})
    write_sidecar(other.with_suffix(".json"), sidecar)
    check_place(wanted)

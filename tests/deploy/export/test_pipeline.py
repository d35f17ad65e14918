"""An export from end to end, on a small network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
import torch

from shm_deploy import spec
from shm_deploy.artifacts import find_model
from shm_deploy.cli.export import main
from shm_deploy.errors import SpecError
from shm_deploy.export.engine import BuildSpec
from shm_deploy.export.graphs import Graphs
from shm_deploy.export.photographs import cover, load_photographs
from shm_deploy.export.pipeline import Exported, ExportFailed, export_model
from shm_deploy.export.progress import Progress
from shm_deploy.export.wanted import ExportSpec
from shm_deploy.matter import Matter
from shm_deploy.metrics import compare_alphas
from shm_deploy.sidecar import check_file, read_sidecar
from shm_train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from shm_train.networks import PaperConfig

pytestmark = pytest.mark.slow


def _quiet(progress: Progress) -> None:
    pass


@pytest.fixture(scope="module")
def exported(small_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Everything that an export can make without a GPU."""
    pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX is not installed")
    wanted = ExportSpec(
        checkpoint=small_checkpoint,
        out=tmp_path_factory.mktemp("engines"),
        fp16=True,
        int8=True,
        engine=BuildSpec(flavour="rtx", compute_capabilities=("8.6",)),
        max_edge=192,
    )
    return export_model(wanted, _quiet)


def test_the_sidecar_describes_every_file(exported: Exported) -> None:
    """Hashes hold, and nothing else lies in the folder."""
    folder = exported.report.parent
    sidecar = read_sidecar(exported.report)
    assert (sidecar.files, sidecar.engine) == (exported.sidecar.files, exported.sidecar.engine)
    assert set(sidecar.files) == {*spec.LIVE_PARTS, "tnet_int8", "joined", "joined_fp16", "plan"}
    for record in sidecar.files.values():
        check_file(record, folder)
    assert {path.name for path in folder.iterdir()} == {record.file for record in sidecar.files.values()} | {"shm.json"}


def test_the_checkpoint_is_found_from_the_sidecar(exported: Exported, small_checkpoint: Path) -> None:
    """It is named relative to it, so that a benchmark can run the reference."""
    assert exported.sidecar.checkpoint is not None
    found = check_file(exported.sidecar.checkpoint, exported.report.parent)
    assert found.resolve() == small_checkpoint.resolve()


def test_the_certificate_has_all_that_was_measured(exported: Exported) -> None:
    """Every graph on four photographs; the engine has not run."""
    certificate = exported.sidecar.certificate
    assert certificate["passed"] is True
    assert certificate["engine_verified"] is False
    assert certificate["half_nodes"] > 100
    assert certificate["activations"]["first_overflow"] is None
    rows = [(row["candidate"], row["reference"]) for row in certificate["parity"]]
    assert rows == [
        pair
        for pair in (
            ("parts", "PyTorch"),
            ("tnet.int8.onnx", "PyTorch"),
            ("shm.onnx", "parts"),
            ("shm.fp16.onnx", "PyTorch"),
        )
        for _ in range(4)
    ]


def test_the_engine_is_half_and_unverified(exported: Exported) -> None:
    """Half layers are counted; no device has run them."""
    engine = exported.sidecar.engine
    assert engine is not None
    assert engine.precision == "fp16"
    assert engine.half_layers > engine.float_layers
    assert "tnet.Exp" in engine.fp32_islands
    assert not engine.verified


def test_a_runtime_accepts_what_was_exported(exported: Exported) -> None:
    """Model and sidecar fit, the parts lie beside."""
    model = find_model(exported.report.with_name("shm.onnx"))
    assert model.parts().mnet.name == "mnet.onnx"
    assert model.sidecar is not None
    assert model.sidecar.golden is not None


@pytest.fixture
def overflowing(small_checkpoint: Path, tmp_path: Path) -> Path:
    """The small network with a bias that half precision can't hold."""
    checkpoint = load_checkpoint(small_checkpoint)
    bias = torch.full_like(checkpoint.weights["mnet.prediction.bias"], 1e5)
    weights = dict(checkpoint.weights) | {"mnet.prediction.bias": bias}
    path = tmp_path / "overflowing.pt"
    save_checkpoint(path, Checkpoint(config=checkpoint.config, weights=weights))
    return path


def test_a_failed_check_leaves_what_was_there(exported: Exported, overflowing: Path) -> None:
    """An overflowing layer fails FP16: no engine, a report with the layer's name, the earlier export untouched."""
    folder = exported.report.parent
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    wanted = ExportSpec(checkpoint=overflowing, out=folder, fp16=True, engine=BuildSpec(flavour="rtx"), max_edge=128)
    with pytest.raises(ExportFailed, match=r"mnet\.prediction reaches .* half precision holds 65504") as failed:
        export_model(wanted, _quiet)
    after = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert after == before | {"shm.failed.json": after["shm.failed.json"]}
    report = read_sidecar(failed.value.report)
    assert (report.engine, report.files) == (None, {})
    assert report.certificate["activations"]["first_overflow"] == "mnet.prediction"
    failed.value.report.unlink()


def test_the_command_that_fails_ends_with_3_and_names_the_report(
    overflowing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Last line FAILED, the reason on standard error; in a fresh folder there is the report and nothing else."""
    pytest.importorskip("tensorrt_rtx", reason="TensorRT-RTX is not installed")
    out = tmp_path / "engines"
    arguments = ["--ckpt", str(overflowing), "--out", str(out), "--fp16", "--flavour", "rtx", "--images-edge", "128"]
    assert main(arguments) == 3
    output = capsys.readouterr()
    assert output.out == f"FAILED: {out / 'shm.failed.json'}\n"
    assert "mnet.prediction reaches" in output.err
    assert [path.name for path in out.iterdir()] == ["shm.failed.json"]


@pytest.fixture
def traced(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> dict[str, onnx.ModelProto]:
    """The parts of the small network, which an export takes instead of tracing it again: half a minute less."""
    parts = {role: onnx.load(exported.report.with_name(file)) for role, file in spec.PARTS.items()}
    graphs = Graphs(parts=parts, joined=None, joined_fp16=None)
    monkeypatch.setattr("shm_deploy.export.pipeline.make_graphs", lambda *args, **options: graphs)
    return parts


def test_a_graph_that_answers_otherwise_is_not_exported(
    traced: dict[str, onnx.ModelProto], small_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One bias of M-Net is off by 0.1: parity fails on every photograph, and no graph is left."""
    (bias,) = (tensor for tensor in traced["mnet"].graph.initializer if tensor.name == "mnet.prediction.bias")
    bias.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(bias) + np.float32(0.1), bias.name))
    out = tmp_path / "engines"
    assert main(["--ckpt", str(small_checkpoint), "--out", str(out), "--parts-only", "--images-edge", "128"]) == 3
    assert "parts on curls: |Δα| mean" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["shm.failed.json"]
    certificate = read_sidecar(out / "shm.failed.json").certificate
    assert certificate["passed"] is False
    assert [row["passed"] for row in certificate["parity"]] == 4 * [False]


@pytest.mark.parametrize(
    "damage",
    [
        lambda graph: graph.node[0].input.append("nowhere"),
        lambda graph: graph.output[0].type.tensor_type.shape.dim.add(),
    ],
    ids=["structure", "shapes"],
)
def test_a_graph_that_is_no_valid_onnx_is_not_exported(
    damage: Callable[[onnx.GraphProto], object],
    traced: dict[str, onnx.ModelProto],
    small_checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A tensor that nobody makes, an output of one dimension too many: the file is named, and no graph is left."""
    damage(traced["fusion"].graph)
    out = tmp_path / "engines"
    assert main(["--ckpt", str(small_checkpoint), "--out", str(out), "--parts-only", "--images-edge", "128"]) == 3
    assert "fusion.onnx is no valid ONNX" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["shm.failed.json"]


def test_8_bit_runs_where_it_was_exported(exported: Exported) -> None:
    """T-Net's convolutions but the last are quantised; with tiles it gives a matte near theirs, and not theirs."""
    folder = exported.report.parent
    nodes = [node.op_type for node in onnx.load(folder / "tnet.int8.onnx").graph.node]
    assert nodes.count("DequantizeLinear") > nodes.count("Conv") > 50
    (frame,) = (cover(photograph.image, (128, 176)) for photograph in load_photographs()[:1])
    with Matter(folder / "shm.onnx", "cpu", backend="int8") as int8, Matter(folder / "shm.onnx", "cpu") as float32:
        assert (int8.info().backend, float32.info().backend) == ("int8", "tiles")
        difference = compare_alphas(int8(frame, dtype=np.float32), float32(frame, dtype=np.float32))
    assert 0 < difference.mean <= spec.INT8.mean


def test_8_bit_is_for_live_only(tmp_path: Path) -> None:
    """Said before anything is traced."""
    path = tmp_path / "paper.pt"
    save_checkpoint(path, Checkpoint(config=PaperConfig(), weights={}))
    with pytest.raises(SpecError, match="got --int8 for paper"):
        export_model(ExportSpec(checkpoint=path, out=tmp_path / "out", int8=True), _quiet)


def test_the_command_ends_with_the_verdict(
    traced: dict[str, onnx.ModelProto], small_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line on standard output; parts only leave no joined file of an earlier export behind."""
    (tmp_path / "shm.plan").write_bytes(b"of an earlier export")
    arguments = ["--ckpt", str(small_checkpoint), "--out", str(tmp_path), "--parts-only", "--images-edge", "128"]
    assert main(arguments) == 0
    output = capsys.readouterr()
    assert output.out == f"PASSED: {tmp_path / 'shm.json'}\n"
    assert "parity of the parts" in output.err
    assert {path.name for path in tmp_path.iterdir()} == {"tnet.onnx", "mnet.onnx", "fusion.onnx", "shm.json"}


def test_a_second_model_leaves_the_first_its_parts(
    traced: dict[str, onnx.ModelProto], small_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another checkpoint under another name is refused; the same one, whose parts are the same, is not."""
    other = tmp_path / "other.pt"
    save_checkpoint(other, replace(load_checkpoint(small_checkpoint), training={"step": 1}))
    arguments = ["--out", str(tmp_path / "engines"), "--parts-only", "--images-edge", "128"]
    assert main(["--ckpt", str(small_checkpoint), *arguments]) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "engines").iterdir()}
    assert main(["--ckpt", str(other), "--name", "second", *arguments]) == 1
    assert "belong to shm" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (tmp_path / "engines").iterdir()} == before
    assert main(["--ckpt", str(small_checkpoint), "--name", "second", *arguments]) == 0

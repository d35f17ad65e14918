"""The stages of an export, in their order; what comes out lies in place whole and checked, or not at all."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import onnxscript
import torch

from shm_deploy import spec
from shm_deploy.artifacts import PartFiles, find_model
from shm_deploy.backends.onnxruntime import OnnxRuntimeBackend, OnnxRuntimeParts
from shm_deploy.backends.opening import open_backend
from shm_deploy.backends.pytorch import PyTorchBackend
from shm_deploy.errors import CheckFailed, SpecError
from shm_deploy.export import parity
from shm_deploy.export.compact import round_checkpoint, share_weights
from shm_deploy.export.engine import BuildSpec, Toolkit, build_engine, check_build, find_device, find_toolkit
from shm_deploy.export.golden import golden_image, golden_input
from shm_deploy.export.graphs import float_operators, make_graphs, num_half_nodes
from shm_deploy.export.neighbours import check_parts, check_place
from shm_deploy.export.parity import Alpha, Row
from shm_deploy.export.photographs import Photograph, fitted, load_photographs
from shm_deploy.export.progress import Report, Stage, megabytes, stage
from shm_deploy.export.quantise import quantise_tnet
from shm_deploy.export.wanted import ExportSpec
from shm_deploy.sidecar import EngineRecord, FileRecord, GoldenImage, Sidecar, record_file, write_sidecar
from shm_train.checkpoint import load_checkpoint, save_checkpoint
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.config import Variant
from shm_train.networks.fold import fold
from shm_train.networks.ranges import ActivationRanges, measure_ranges


class ExportFailed(CheckFailed):
    """Checks out of bounds; nothing was exported, and `report` says why."""

    def __init__(self, failures: Sequence[str], report: Path) -> None:
        super().__init__(
            "\n  ".join(["nothing was exported, out of bounds:", *failures, f"all measurements: {report}"])
        )
        self.report = report


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export left behind."""

    sidecar: Sidecar
    report: Path  # the sidecar's own path: it holds the certificate


def export_model(wanted: ExportSpec, report: Report) -> Exported:
    """Turn a checkpoint into graphs and an engine, check them, and move them in place.

    Everything is made in a hidden folder within `wanted.out`. If a check fails that folder goes, what an earlier export
    left stays, and `NAME.failed.json` says why.

    Args:
        wanted: what to make.
        report: called at each stage's begin, steps and end.

    Raises:
        ExportFailed: parity, precision or range out of bounds.
        MatteError: of another kind, as its message says.
    """
    if wanted.opset > onnx.defs.onnx_opset_version():
        raise SpecError(f"got opset {wanted.opset}; onnx {onnx.__version__} knows {onnx.defs.onnx_opset_version()}")
    toolkit = None
    if wanted.engine is not None:
        toolkit = find_toolkit(wanted.engine.flavour, find_device())
        check_build(wanted.engine, toolkit, wanted.precision)
    with stage("checkpoint", report) as running:
        checkpoint = load_checkpoint(wanted.checkpoint)
        check_place(wanted)
        if wanted.compact:
            checkpoint = round_checkpoint(checkpoint)
        if wanted.int8 and checkpoint.config.variant != "live":
            raise SpecError(f"got --int8 for {checkpoint.config.variant}; it is for live, which CPUs run: leave it out")
        folded = fold(checkpoint.served_network())
        running.came_out(f"{checkpoint.config.variant}, {megabytes(wanted.checkpoint.stat().st_size)}")
    profiles = () if wanted.engine is None else wanted.engine.profiles
    loaded = load_photographs(wanted.photographs, wanted.max_edge)
    photographs = [fitted(photograph, profiles) for photograph in loaded]
    try:
        wanted.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpecError(f"got {wanted.out}, which can't be made ({error}): give another --out") from error
    with tempfile.TemporaryDirectory(prefix=f".{wanted.name}-", dir=wanted.out) as name:
        folder = Path(name)
        source = wanted.checkpoint
        if wanted.compact:
            source = folder / wanted.files()["rounded"]
            save_checkpoint(source, checkpoint)
        proof = _make_and_check(wanted, checkpoint.config.variant, folded, source, photographs, toolkit, folder, report)
        made = {} if proof.failures else {role: folder / file for role, file in wanted.files().items()}
        sidecar = Sidecar(
            variant=checkpoint.config.variant,
            network=asdict(checkpoint.config),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            checkpoint=record_file(source) if wanted.compact else _checkpoint_record(wanted),
            files={role: record_file(path) for role, path in made.items() if path.is_file()},
            versions=_versions(proof.engine),
            opset=wanted.opset,
            engine=proof.engine,
            certificate=proof.certificate(),
            golden=None if proof.failures else _golden(wanted, checkpoint.config.variant, folder, photographs[0]),
        )
        if not proof.failures:
            check_parts(wanted, sidecar.files)
        target = _report_failure(wanted, sidecar) if proof.failures else _place(folder, wanted, sidecar)
    if proof.failures:
        raise ExportFailed(proof.failures, target)
    return Exported(sidecar=sidecar, report=target)


@dataclass(frozen=True, kw_only=True)
class _Proof:
    """What was measured, as far as it got: the first kind of check that fails is the last."""

    ranges: ActivationRanges
    failures: Sequence[str]
    rows: Sequence[Row] = ()
    half_nodes: int = 0
    engine: EngineRecord | None = None

    def certificate(self) -> dict[str, Any]:
        """For the sidecar."""
        return {
            "passed": not self.failures,
            "failures": list(self.failures),
            "engine_verified": self.engine is not None and self.engine.verified,
            "half_nodes": self.half_nodes,
            "activations": self.ranges.record(),
            "parity": [row.record() for row in self.rows],
        }


def _make_and_check(
    wanted: ExportSpec,
    variant: Variant,
    folded: SemanticHumanMatting,
    source: Path,
    photographs: Sequence[Photograph],
    toolkit: Toolkit | None,
    folder: Path,
    report: Report,
) -> _Proof:
    """Fill `folder` with what is wanted; `source` is the checkpoint that the reference is computed with."""
    ranges = _measure_ranges(folded, photographs, report)
    proof = _Proof(ranges=ranges, failures=_overflow(ranges, wanted))
    if proof.failures:
        return proof
    try:
        half_nodes, islands = _write_graphs(folded, wanted, photographs, folder, report)
    except CheckFailed as error:
        return replace(proof, failures=[str(error)])
    references = _references(source, photographs, report)
    rows = _graph_rows(wanted, variant, folder, photographs, references, report)
    failures = [failure for row in rows for failure in row.failures()]
    if wanted.fp16 and half_nodes == 0:
        failures.append("the half graph has no half node")
    proof = replace(proof, failures=failures, rows=rows, half_nodes=half_nodes)
    if toolkit is None or wanted.engine is None or failures:
        return proof
    plan = folder / wanted.files()["plan"]
    try:
        engine = _build(wanted, wanted.engine, toolkit, folder / wanted.engine_source(), plan, islands, report)
    except CheckFailed as error:
        return replace(proof, failures=[str(error)])
    if toolkit.device is None or toolkit.device.compute_capability not in engine.compute_capabilities:
        return replace(proof, engine=engine)
    engine_rows = _engine_rows(wanted, variant, plan, photographs, references, report)
    failures = [failure for row in engine_rows for failure in row.failures()]
    return replace(proof, failures=failures, rows=[*rows, *engine_rows], engine=replace(engine, verified=not failures))


def _write_graphs(
    folded: SemanticHumanMatting,
    wanted: ExportSpec,
    photographs: Sequence[Photograph],
    folder: Path,
    report: Report,
) -> tuple[int, tuple[str, ...]]:
    """Trace, write and check; how many nodes of the half graph are half, and which operators in it stay float.

    Raises:
        CheckFailed: a graph that is no valid ONNX, or of another opset.
    """
    with stage("graphs", report) as running:
        graphs = make_graphs(
            folded, opset=wanted.opset, joined=not wanted.parts_only, fp16=wanted.fp16, tell=running.step
        )
        opsets = {entry.version for part in graphs.parts.values() for entry in part.opset_import if not entry.domain}
        if opsets != {wanted.opset}:  # the exporter leaves a graph as it is where it can't convert it
            raise CheckFailed(f"the graphs came out with opset {min(opsets)}; wanted {wanted.opset}: try a lower one")
        made = {**graphs.parts, "joined": graphs.joined, "joined_fp16": graphs.joined_fp16}
        if wanted.int8:
            running.step("quantising tnet")
            images = [photograph.image for photograph in photographs]
            made[spec.TNET_INT8] = quantise_tnet(graphs.parts["tnet"], images)
        models = {folder / wanted.files()[role]: model for role, model in made.items() if model is not None}
        files = list(models)
        if wanted.compact:
            weights = folder / wanted.files()["weights"]
            weights.write_bytes(share_weights(models.values(), weights.name))
            files.append(weights)
        for path, model in models.items():
            running.step(f"writing {path.name}")
            onnx.save(model, path)
        running.came_out(", ".join(f"{path.name} {megabytes(path.stat().st_size)}" for path in files))
    with stage("ONNX checker", report) as running:
        for path in models:
            running.step(path.name)
            _check_graph(path)
        running.came_out(f"{len(models)} files")
    if graphs.joined_fp16 is None:
        return 0, ()
    return num_half_nodes(graphs.joined_fp16), float_operators(graphs.joined_fp16)


def _check_graph(path: Path) -> None:
    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise CheckFailed(f"{path.name} is no valid ONNX: {error}") from error


def _measure_ranges(
    folded: SemanticHumanMatting, photographs: Sequence[Photograph], report: Report
) -> ActivationRanges:
    with stage("activations", report) as running:
        ranges = measure_ranges(folded, (photograph.image for photograph in _told(photographs, running)))
        largest, overflow = ranges.largest, ranges.first_overflow
        running.came_out(
            f"largest {largest.largest:.4g} of {spec.FP16_MAX:.0f}, in {largest.layer}"
            + ("" if overflow is None else f"; first to overflow in half precision: {overflow.layer}")
        )
    return ranges


def _references(checkpoint: Path, photographs: Sequence[Photograph], report: Report) -> list[Alpha]:
    """The float alpha of each photograph, by PyTorch."""
    with stage("PyTorch reference", report) as running:
        backend = PyTorchBackend(checkpoint, "cpu", None)
        alphas = [parity.parts_alpha(backend, photograph.image) for photograph in _told(photographs, running)]
        backend.close()
        running.came_out(f"{len(alphas)} photographs")
    return alphas


def _graph_rows(
    wanted: ExportSpec,
    variant: Variant,
    folder: Path,
    photographs: Sequence[Photograph],
    references: Sequence[Alpha],
    report: Report,
) -> list[Row]:
    """The graphs in ONNX Runtime: the parts beside PyTorch, the joined graph beside the parts."""
    files = wanted.files()
    with stage("parity of the parts", report) as running:
        part_files = PartFiles(**{role: folder / file for role, file in spec.PARTS.items()})
        parts = OnnxRuntimeParts(part_files, "cpu", None)
        alphas = [parity.parts_alpha(parts, photograph.image) for photograph in _told(photographs, running)]
        parts.close()
        rows = parity.compare(photographs, references, alphas, "parts", "PyTorch", parity.PARTS[variant])
        running.came_out(_worst(rows))
    if wanted.int8:
        with stage(f"nearness of {files[spec.TNET_INT8]}", report) as running:
            parts = OnnxRuntimeParts(replace(part_files, tnet=folder / files[spec.TNET_INT8]), "cpu", None)
            near = [parity.parts_alpha(parts, photograph.image) for photograph in _told(photographs, running)]
            parts.close()
            int8_rows = parity.compare(photographs, references, near, files[spec.TNET_INT8], "PyTorch", parity.INT8)
            running.came_out(_worst(int8_rows))
        rows += int8_rows
    if wanted.parts_only:
        return rows
    checks = [("joined", "parts", [parity.in_bytes(alpha) for alpha in alphas], parity.JOINED)]
    if wanted.fp16:
        # A CPU computes with the half weights in float32: it shows that the graph is the network, not how exact it is.
        in_bytes = [parity.in_bytes(alpha) for alpha in references]
        checks.append(("joined_fp16", "PyTorch", in_bytes, parity.HALF_WEIGHTS[variant]))
    for role, reference, expected, limits in checks:
        with stage(f"parity of {files[role]}", report) as running:
            backend = OnnxRuntimeBackend(folder / files[role], "cpu", None)
            alphas = [parity.joined_alpha(backend, photograph.image) for photograph in _told(photographs, running)]
            backend.close()
            joined = parity.compare(photographs, expected, alphas, files[role], reference, limits)
            running.came_out(_worst(joined))
        rows += joined
    return rows


def _build(
    wanted: ExportSpec,
    build: BuildSpec,
    toolkit: Toolkit,
    graph: Path,
    plan: Path,
    islands: tuple[str, ...],
    report: Report,
) -> EngineRecord:
    with stage("engine", report) as running:
        engine = build_engine(graph, plan, build, toolkit, wanted.precision, running)
        running.came_out(
            f"{plan.name} {megabytes(plan.stat().st_size)}, {engine.half_layers} half and {engine.float_layers} "
            f"float layers, {engine.flavour} {engine.version}"
        )
    return replace(engine, fp32_islands=islands)


def _engine_rows(
    wanted: ExportSpec,
    variant: Variant,
    plan: Path,
    photographs: Sequence[Photograph],
    references: Sequence[Alpha],
    report: Report,
) -> list[Row]:
    """The engine on its device beside PyTorch."""
    with stage(f"parity of {plan.name}", report) as running:
        backend = open_backend(find_model(plan), device="cuda")
        alphas = [parity.joined_alpha(backend, photograph.image) for photograph in _told(photographs, running)]
        backend.close()
        in_bytes = [parity.in_bytes(alpha) for alpha in references]
        limits = parity.ENGINE_FP16 if wanted.fp16 else parity.ENGINE_FP32[variant]
        rows = parity.compare(photographs, in_bytes, alphas, plan.name, "PyTorch", limits)
        running.came_out(_worst(rows))
    return rows


def _overflow(ranges: ActivationRanges, wanted: ExportSpec) -> list[str]:
    overflow = ranges.first_overflow
    if not wanted.fp16 or overflow is None:
        return []
    return [
        f"{overflow.layer} reaches {overflow.largest:.4g}, half precision holds {spec.FP16_MAX:.0f}: "
        "export without --fp16, or train with weight decay"
    ]


def _golden(wanted: ExportSpec, variant: Variant, folder: Path, photograph: Photograph) -> GoldenImage | None:
    if wanted.parts_only:
        return None
    profiles = () if wanted.engine is None else wanted.engine.profiles
    smallest = profiles[0].minimum[1:] if profiles else (spec.MIN_GRAPH_SIDE, spec.MIN_GRAPH_SIDE)
    image = golden_input(photograph.image, smallest)
    backend = OnnxRuntimeBackend(folder / wanted.files()["joined"], "cpu", None)
    alpha = backend.run(image[None]).alpha[0]
    backend.close()
    return golden_image(image, alpha, spec.ENGINE_FP16 if wanted.fp16 else spec.BACKENDS_FP32[variant])


def _checkpoint_record(wanted: ExportSpec) -> FileRecord:
    relative = Path(os.path.relpath(wanted.checkpoint, wanted.out)).as_posix()
    return replace(record_file(wanted.checkpoint), file=relative)


def _versions(engine: EngineRecord | None) -> dict[str, str]:
    versions = {
        "semantic-human-matting": importlib.metadata.version("semantic-human-matting"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnx": onnx.__version__,
        "onnxscript": onnxscript.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    return versions if engine is None else versions | {engine.flavour: engine.version}


def _place(folder: Path, wanted: ExportSpec, sidecar: Sidecar) -> Path:
    """Move everything in place, the sidecar last: until then no file is taken for what another describes."""
    target = wanted.out / f"{wanted.name}.json"
    target.unlink(missing_ok=True)
    for file in wanted.files().values():
        made = folder / file
        if made.is_file():
            made.replace(wanted.out / file)
        else:
            (wanted.out / file).unlink(missing_ok=True)  # of an earlier export, whose sidecar is gone
    write_sidecar(target, sidecar)
    _failure_path(wanted).unlink(missing_ok=True)
    return target


def _report_failure(wanted: ExportSpec, sidecar: Sidecar) -> Path:
    write_sidecar(_failure_path(wanted), sidecar)
    return _failure_path(wanted)


def _failure_path(wanted: ExportSpec) -> Path:
    return wanted.out / f"{wanted.name}.failed.json"


def _told(photographs: Sequence[Photograph], running: Stage) -> Iterator[Photograph]:
    for index, photograph in enumerate(photographs, 1):
        running.step(f"{photograph.name}, {index} of {len(photographs)}")
        yield photograph


def _worst(rows: Sequence[Row]) -> str:
    mean = max(row.difference.mean for row in rows)
    p999 = max(row.difference.p999 for row in rows)
    maximum = max(row.difference.maximum for row in rows)
    num_nan = sum(row.difference.num_nan for row in rows)
    return f"|Δα| mean {mean:.1e}, p99.9 {p999:.1e}, max {maximum:.1e}, {num_nan} NaN"

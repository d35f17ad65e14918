"""One benchmark: models, pictures and sizes in, a report out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shm_deploy import sidecar, spec
from shm_deploy.artifacts import ModelFile, find_model
from shm_deploy.backends import Backend, open_backend
from shm_deploy.bench import latency, parity
from shm_deploy.bench.environment import record_environment
from shm_deploy.bench.latency import Effort, Latency, StageClock, measure_latency
from shm_deploy.bench.parity import Answer, Parity, answers, compare_answers
from shm_deploy.bench.pictures import Picture, Size, size_text
from shm_deploy.bench.report import ModelRecord, ModelResult, Report
from shm_deploy.errors import ArtifactError, BackendUnavailable, DeviceMismatch, SpecError
from shm_deploy.matter import Matter

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class BenchSpec:
    """What is to be measured."""

    models: tuple[Path | None, ...]  # the first is the one in question; None is the packaged model
    reference: Path | None  # the checkpoint; None is the one that the first model's sidecar names
    compares: bool  # whether mattes are compared with the reference's at all
    sizes: tuple[Size, ...]
    device: str
    threads: int | None
    effort: Effort

    def __post_init__(self) -> None:
        if not self.models or not self.sizes:
            raise SpecError("got no model or no size to measure; at least one of each is wanted")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Measured:
    record: ModelRecord
    latency: tuple[Latency, ...]
    answers: tuple[list[Answer], ...]  # by size


def run_bench(task: BenchSpec, pictures: Sequence[Picture], command: Sequence[str], progress: Progress) -> Report:
    """Measure every model, then the reference, and compare.

    Latency comes first and with nothing else loaded, so that its memory is the model's own.

    Args:
        task: what to measure.
        pictures: what to measure it on.
        command: program and arguments, for the report.
        progress: told in a line what begins.

    Raises:
        DeviceMismatch: an engine that nothing here can run.
        ArtifactError: a model or the reference is missing or broken.
    """
    files = [find_model(model) for model in task.models]
    reference_file = find_reference(files[0], task.reference) if task.compares else None
    measured = [_measure(file, task, pictures, progress) for file in files]
    environment = record_environment(command, measured[0].record.device)
    if reference_file is None:
        results = [ModelResult(model=each.record, latency=each.latency, parity=()) for each in measured]
        return Report(
            device=environment.device,
            environment=environment,
            clock=latency.CLOCK,
            reference=None,
            results=tuple(results),
        )
    reference, wanted = _reference(reference_file, task, pictures, progress)
    results = [
        ModelResult(model=each.record, latency=each.latency, parity=_parity(each, file, wanted, task, pictures))
        for each, file in zip(measured, files, strict=True)
    ]
    return Report(
        device=environment.device,
        environment=environment,
        clock=latency.CLOCK,
        parity_method=parity.METHOD,
        reference=reference,
        results=tuple(results),
    )


def find_reference(model: ModelFile, checkpoint: Path | None) -> ModelFile:
    """The checkpoint that was asked for, else the one that a model's sidecar names.

    Raises:
        ArtifactError: neither is there.
    """
    if checkpoint is not None:
        return find_model(checkpoint)
    if model.kind == "checkpoint":
        return model
    record = model.sidecar.checkpoint if model.sidecar else None
    if record is None:
        raise ArtifactError(
            f"no sidecar names the checkpoint of {model.path}: give it with --ckpt, or pass --no-parity"
        )
    path = model.path.parent / record.file
    if not path.is_file():
        raise ArtifactError(
            f"{path} is missing, the checkpoint that {model.path.name} was made from: "
            "give it with --ckpt, or pass --no-parity"
        )
    return find_model(sidecar.check_file(record, model.path.parent))


def promised(file: ModelFile) -> spec.Tolerance:
    """How far a model may be from its reference; a lone file without a sidecar is held to the closer bounds."""
    if precision_of(file) == "fp16":
        return spec.ENGINE_FP16
    return spec.BACKENDS_FP32[file.sidecar.variant if file.sidecar else "live"]


def precision_of(model: ModelFile) -> str:
    """ "fp16" or "fp32", as the sidecar says; a model without one is taken for "fp32", the stricter."""
    if model.sidecar is None:
        return "fp32"
    if model.kind == "plan" and model.sidecar.engine is not None:
        return model.sidecar.engine.precision
    half = model.sidecar.files.get("joined_fp16")
    return "fp16" if half is not None and half.file == model.path.name else "fp32"


def _measure(file: ModelFile, task: BenchSpec, pictures: Sequence[Picture], progress: Progress) -> _Measured:
    progress(f"{file.path.name}: opening")
    clock = StageClock(_open(file, task))
    timings = []
    given = []
    with Matter(clock) as matter:
        for size in task.sizes:
            progress(f"{file.path.name} at {size_text(size)}: latency")
            frames = [picture.fitted(size).pixels for picture in pictures]
            timings.append(measure_latency(matter, clock, frames, task.effort))
            if task.compares:
                progress(f"{file.path.name} at {size_text(size)}: mattes of {len(pictures)} pictures")
                given.append(answers(clock, pictures, size))
        record = _record(file, clock, task.threads)
    return _Measured(record=record, latency=tuple(timings), answers=tuple(given))


def _open(file: ModelFile, task: BenchSpec) -> Backend:
    try:
        return open_backend(file, device=task.device, threads=task.threads)
    except BackendUnavailable as error:
        if file.kind != "plan":
            raise
        raise DeviceMismatch(f"nothing here can run {file.path.name} ({error})") from error


def _reference(
    file: ModelFile, task: BenchSpec, pictures: Sequence[Picture], progress: Progress
) -> tuple[ModelRecord, list[list[Answer]]]:
    backend = open_backend(file, device="auto", threads=task.threads)
    wanted = []
    try:
        for size in task.sizes:
            progress(f"{file.path.name} (reference) at {size_text(size)}: mattes of {len(pictures)} pictures")
            wanted.append(answers(backend, pictures, size))
        return _record(file, backend, task.threads), wanted
    finally:
        backend.close()


def _parity(
    measured: _Measured,
    file: ModelFile,
    wanted: Sequence[list[Answer]],
    task: BenchSpec,
    pictures: Sequence[Picture],
) -> tuple[Parity, ...]:
    tolerance = promised(file)
    return tuple(
        compare_answers(got, want, pictures, size, tolerance)
        for got, want, size in zip(measured.answers, wanted, task.sizes, strict=True)
    )


def _record(file: ModelFile, backend: Backend, threads: int | None) -> ModelRecord:
    return ModelRecord(
        file=file.path.name,
        kind=file.kind,
        sha256=file.sha256,
        num_bytes=file.num_bytes,
        variant=file.sidecar.variant if file.sidecar else None,
        precision=precision_of(file),
        backend=backend.name,
        device=backend.device,
        threads=threads,
    )

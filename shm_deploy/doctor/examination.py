"""The examination: everything that `shm-doctor` tells."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shm_deploy.artifacts import PACKAGED_MODEL, find_model
from shm_deploy.backends.opening import RUNTIMES
from shm_deploy.bench.environment import record_environment
from shm_deploy.doctor.devices import Driver, ask_driver
from shm_deploy.doctor.packages import PACKAGES, Problem, find_conflicts, installed_packages
from shm_deploy.errors import MatteError

# Runtimes of engines, which the packaged model is not: import them, at least.
_ENGINE_RUNTIMES = ("tensorrt", "tensorrt_rtx")
_TIMEOUT = 120.0  # seconds; a first import from a cold disk, or an engine's kernels compiled for a new card


@dataclass(frozen=True, kw_only=True)
class Host:
    """The machine."""

    platform: str
    python: str
    processor: str
    num_cpus: int  # that this process may use


@dataclass(frozen=True, kw_only=True)
class Weights:
    """A model file, compared with its sidecar."""

    path: Path
    num_bytes: int
    sha256: str
    compared: bool  # False where there is no sidecar to compare with


@dataclass(frozen=True, kw_only=True)
class BackendTrial:
    """How one backend did with one model: `outcome` as in `selftest.Outcome` where it ran, else the reason."""

    backend: str
    model: str
    runs: bool
    outcome: dict[str, Any] | None
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Everything that was found."""

    host: Host
    packages: dict[str, str]
    driver: Driver
    weights: Weights | None
    trials: tuple[BackendTrial, ...]
    engine_runtimes: dict[str, str]  # installed TensorRT modules: version, or why they don't import
    problems: tuple[Problem, ...]

    @property
    def healthy(self) -> bool:
        """Whether some backend mattes with whole weights."""
        return self.weights is not None and any(trial.runs for trial in self.trials)


def examine(model: Path | None = None) -> Examination:
    """Look at packages, driver and weights, and run every backend that reads the model.

    Args:
        model: a model file; None is the packaged one, in both of its forms (ONNX and checkpoint).
    """
    environment = record_environment(["shm-doctor"], "cpu")
    installed = installed_packages()
    problems = find_conflicts(installed)
    weights: Weights | None = None
    trials: list[BackendTrial] = []
    path = PACKAGED_MODEL if model is None else model
    try:
        weights = check_weights(path)
    except MatteError as error:
        fix = "pip install --force-reinstall --no-deps semantic-human-matting" if model is None else "export it again"
        problems.append(Problem(what=str(error), fix=fix))
    else:
        twin = path.with_suffix(".pt")
        for file in [path, twin] if model is None and twin.is_file() else [path]:
            trials += [try_backend(file, backend) for backend in RUNTIMES[find_model(file).kind]]
        if not any(trial.runs for trial in trials):
            problems.append(_no_backend(trials))
    driver = ask_driver()
    if driver.gpus and "onnxruntime" in installed and "onnxruntime-gpu" not in installed:
        problems.append(
            Problem(
                what=f"there is a {driver.gpus[0].name}, and an ONNX Runtime that uses only the CPU",
                fix="pip uninstall -y onnxruntime && pip install 'semantic-human-matting[gpu]'",
            )
        )
    return Examination(
        host=Host(
            platform=environment.platform,
            python=environment.versions["python"],
            processor=environment.processor,
            num_cpus=environment.num_cpus,
        ),
        packages={name: installed[name] for name in PACKAGES if name in installed},
        driver=driver,
        weights=weights,
        trials=tuple(trials),
        engine_runtimes=_import_engine_runtimes(installed),
        problems=tuple(problems),
    )


def check_weights(path: Path) -> Weights:
    """Compare a model and the parts that its sidecar names with their hashes.

    Raises:
        ArtifactError: something is missing, truncated, or from another export.
        SpecError: no model by its suffix.
    """
    found = find_model(path)
    if found.sidecar is not None and "tnet" in found.sidecar.files:
        found.parts()
    return Weights(path=found.path, num_bytes=found.num_bytes, sha256=found.sha256, compared=found.sidecar is not None)


def try_backend(model: Path, backend: str) -> BackendTrial:
    """Matte a drawn picture in a process of its own."""
    command = [sys.executable, "-m", "shm_deploy.doctor.selftest", str(model), backend]
    outcome, reason = run_trial(command, _TIMEOUT)
    return BackendTrial(backend=backend, model=model.name, runs=outcome is not None, outcome=outcome, reason=reason)


def run_trial(command: Sequence[str], timeout: float) -> tuple[dict[str, Any] | None, str | None]:
    """Run a self-test.

    Args:
        command: a program that prints its outcome in JSON, or its complaint on standard error.
        timeout: seconds after which it is stopped.

    Returns:
        The outcome, or None and the reason.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        return None, f"no answer within {timeout:.0f} s"
    if done.returncode < 0:
        return None, f"crashed with {signal.Signals(-done.returncode).name}: its libraries do not fit this machine"
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        return None, lines[-1] if lines else f"exit code {done.returncode}"
    return json.loads(done.stdout), None


def _import_engine_runtimes(installed: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for module in _ENGINE_RUNTIMES:
        if not any(name == module or name.startswith(f"{module.replace('_', '-')}-cu") for name in installed):
            continue
        program = f"import json, {module}; print(json.dumps({{'version': {module}.__version__}}))"
        outcome, reason = run_trial([sys.executable, "-c", program], _TIMEOUT)
        found[module] = outcome["version"] if outcome else f"does not import: {reason}"
    return found


def _no_backend(trials: Sequence[BackendTrial]) -> Problem:
    reasons = "; ".join(f"{trial.backend}: {trial.reason}" for trial in trials)
    extra = {"onnxruntime": "cpu", "tensorrt": "tensorrt", "pytorch": "train"}[trials[0].backend]
    return Problem(
        what=f"no backend runs {trials[0].model} ({reasons})",
        fix=f"pip install 'semantic-human-matting[{extra}]'",
    )

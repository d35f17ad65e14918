"""`shm-doctor`: what is installed, what runs here, and what to do about the rest."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shm_deploy.doctor import Examination
    from shm_deploy.doctor.examination import BackendTrial


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    args = _parser().parse_args(argv)
    from shm_deploy.doctor import examine

    found = examine(args.model)
    if args.json:
        print(json.dumps({"healthy": found.healthy, **asdict(found)}, indent=1, default=str))
    else:
        print("\n".join(_lines(found)))
    return 0 if found.healthy else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="shm-doctor",
        description="Look at the installation, and matte a small drawn picture with every backend.",
        epilog="Exit codes: 0 a backend works with whole weights, 1 none does; the fix is named.",
    )
    parser.add_argument("--model", type=Path, help=".onnx, .plan or .pt file; the packaged one if left out")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser


def _lines(found: Examination) -> Iterator[str]:
    host, driver, weights = found.host, found.driver, found.weights
    yield f"host      {host.platform}, Python {host.python}"
    yield f"          {host.processor}, {host.num_cpus} CPUs for this process"
    yield f"packages  {', '.join(f'{name} {version}' for name, version in found.packages.items())}"
    yield (
        f"driver    {f'NVIDIA {driver.version}' if driver.version else 'no NVIDIA driver'}"
        + (f", CUDA up to {driver.cuda}" if driver.cuda else "")
        + (f" ({driver.note})" if driver.note else "")
    )
    for gpu in driver.gpus:
        yield f"gpu       {gpu.name}, compute capability {gpu.compute_capability}, {gpu.memory_bytes / 2**30:.1f} GiB"
    if weights is None:
        yield "weights   not usable"
    else:
        proof = "agrees with its sidecar" if weights.compared else "no sidecar to compare with"
        yield f"weights   {weights.path.name}, {weights.num_bytes / 1e6:.1f} MB, sha256 {weights.sha256[:12]}…, {proof}"
    for trial in found.trials:
        yield f"backend   {_describe(trial)}"
    for module, version in found.engine_runtimes.items():
        yield f"engines   {module} {version}" + ("" if driver.gpus else ", no GPU to run an engine on")
    for problem in found.problems:
        yield f"problem   {problem.what}"
        yield f"fix       {problem.fix}"
    yield "healthy" if found.healthy else "not healthy: see the fix above"


def _describe(trial: BackendTrial) -> str:
    if trial.outcome is None:
        return f"{trial.backend} does not run {trial.model}: {trial.reason}"
    outcome = trial.outcome
    golden = ", golden image right" if outcome["golden_checked"] else ""
    return (
        f"{trial.backend} runs {trial.model} on {outcome['device']}: {outcome['latency_ms']} ms for 320x240 px "
        f"(first {outcome['first_ms']} ms, opened in {outcome['opened_ms']} ms{golden})"
    )


if __name__ == "__main__":
    sys.exit(main())

"""How a result is stored: JSON with the device at its top and the environment beside the numbers."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shm_deploy.bench.environment import Environment, record_environment

PROJECT = Path(__file__).parents[1]
RESULTS = PROJECT / "benchmarks" / "results"
SCHEMA_VERSION = 1


def environment_of(module: str, argv: Sequence[str] | None, device: str) -> Environment:
    """What `python -m MODULE ARGV` runs on; without arguments, those that this process was given."""
    return record_environment(["python", "-m", module, *(sys.argv[1:] if argv is None else argv)], device)


def write_result(path: Path, environment: Environment, found: Mapping[str, Any]) -> None:
    """Write whole or not at all: beside, then renamed."""
    record = {
        "schema_version": SCHEMA_VERSION,
        "device": environment.device,
        "environment": asdict(environment),
        **found,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    part.replace(path)


def read_result(path: Path) -> dict[str, Any]:
    """The record that `write_result` wrote."""
    record: dict[str, Any] = json.loads(path.read_text())
    return record

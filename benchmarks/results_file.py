"""How a result is stored: JSON with the device at its top and the environment beside the numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shm_deploy.bench.environment import Environment

RESULTS = Path(__file__).parent / "results"
SCHEMA_VERSION = 1


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

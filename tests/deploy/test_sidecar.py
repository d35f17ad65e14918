"""Sidecars: what was written is read, and what is none says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shm_deploy.errors import ArtifactError
from shm_deploy.matter import Matter
from shm_deploy.sidecar import read_sidecar, sidecar_path, write_sidecar
from tests.deploy.sidecars import ENGINE, golden_of, sidecar_of


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model with a sidecar that has everything."""
    path = tmp_path / tiny_model.name
    shutil.copy(tiny_model, path)
    golden = golden_of(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8))
    write_sidecar(sidecar_path(path), sidecar_of(path, golden=golden, engine=ENGINE, checkpoint=path))
    return path


def test_what_was_written_is_read(model: Path) -> None:
    """Tuples come back as tuples, records as records; nothing is left beside."""
    read = read_sidecar(sidecar_path(model))
    assert read.engine == ENGINE
    assert read == replace(sidecar_of(model, engine=ENGINE, checkpoint=model), golden=read.golden)
    assert {path.name for path in model.parent.iterdir()} == {"shm.onnx", "shm.json"}


@pytest.mark.parametrize("name", ["shm.onnx", "shm.fp16.onnx", "shm.plan"])
def test_files_of_one_export_share_a_sidecar(name: str) -> None:
    """It is found by cutting at the first dot."""
    assert sidecar_path(Path("engines") / name) == Path("engines") / "shm.json"


def without(field: str) -> Callable[[dict[str, Any]], object]:
    """Leaves a field out."""
    return lambda record: record.pop(field)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record.update(schema_version=2), "schema version 2, this library reads 1"),
        (without("schema_version"), "schema version None"),
        (without("files"), "incomplete.*files"),
        (lambda record: record["engine"].pop("profiles"), "incomplete.*profiles"),
        (lambda record: record["golden"].update(opinion="fine"), "incomplete.*opinion"),
        (lambda record: record.update(files=[]), "incomplete"),
    ],
    ids=["future", "no version", "no files", "no profiles", "foreign field", "list for a table"],
)
def test_sidecar_of_another_form_is_refused_and_nothing_opens(
    change: Callable[[dict[str, Any]], object], message: str, model: Path
) -> None:
    """The message names the file, what is wrong with it, and the way out."""
    path = sidecar_path(model)
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(ArtifactError, match=rf"shm\.json.*{message}.*export again"):
        Matter(model)


@pytest.mark.parametrize("content", [b"", b'{"schema_version": 1, "files": {', b"\xff\xfe", b"[]"], ids=str)
def test_what_is_no_sidecar_is_refused(content: bytes, model: Path) -> None:
    """Empty, cut short, no text, or another JSON."""
    sidecar_path(model).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"shm\.json.*export again"):
        Matter(model)


def test_missing_sidecar_is_named(tmp_path: Path) -> None:
    """Where one is asked for; a bare model needs none."""
    with pytest.raises(ArtifactError, match=r"no sidecar .*shm\.json: export again"):
        read_sidecar(tmp_path / "shm.json")

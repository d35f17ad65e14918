"""The JSON beside every model: what it was made of, what was proven about it, and an image to test it with.

`shm.onnx`, `shm.fp16.onnx` and `shm.plan` share `shm.json`; `shm-live.onnx` has `shm-live.json`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shm_deploy import spec
from shm_deploy.errors import ArtifactError

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class FileRecord:
    """One file of the model, named relative to the sidecar."""

    file: str
    sha256: str
    num_bytes: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Smallest, likeliest and largest input of an engine, each (batch, height, width)."""

    minimum: tuple[int, int, int]
    optimum: tuple[int, int, int]
    maximum: tuple[int, int, int]

    def holds(self, shape: tuple[int, int, int]) -> bool:
        """Whether (batch, height, width) lies within."""
        return all(low <= n <= high for low, n, high in zip(self.minimum, shape, self.maximum, strict=True))

    def __str__(self) -> str:
        def text(shape: tuple[int, int, int]) -> str:
            return f"{shape[0]}x{shape[2]}x{shape[1]}"

        return f"{text(self.minimum)} .. {text(self.optimum)} .. {text(self.maximum)} (batch x W x H)"


@dataclass(frozen=True, kw_only=True)
class EngineRecord:
    """How a plan was built."""

    flavour: str  # "tensorrt" or "rtx"
    version: str
    precision: str  # "fp16" or "fp32"
    half_layers: int
    float_layers: int
    fp32_islands: tuple[str, ...]
    profiles: tuple[Profile, ...]
    compute_capabilities: tuple[str, ...]  # "8.6"
    gpu: str | None  # the card that built it; None where none did
    verified: bool  # whether it ran on a device and passed


@dataclass(frozen=True, kw_only=True)
class GoldenImage:
    """A small RGB image and the alpha that the model gave for it when it was exported, as PNG in base64."""

    image_png: str
    alpha_png: str
    tolerance: spec.Tolerance


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """Everything known about an exported model."""

    schema_version: int = SCHEMA_VERSION
    variant: str
    network: dict[str, Any]  # the config of the network, as its checkpoint has it
    created: str  # ISO 8601, UTC
    checkpoint: FileRecord | None
    files: dict[str, FileRecord]  # by role: joined, joined_fp16, plan, tnet, mnet, fusion, weights, rounded
    versions: dict[str, str]
    opset: int
    engine: EngineRecord | None
    certificate: dict[str, Any]  # the parity table and the activation ranges, as export measured them
    golden: GoldenImage | None


def sidecar_path(model: Path) -> Path:
    """The sidecar of a model file: `shm.json` for `shm.onnx`, `shm.fp16.onnx` and `shm.plan`."""
    return model.with_name(model.name.split(".")[0] + ".json")


def record_file(path: Path) -> FileRecord:
    """Hash a file for a sidecar that will lie beside it."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return FileRecord(file=path.name, sha256=digest.hexdigest(), num_bytes=path.stat().st_size)


def write_sidecar(path: Path, sidecar: Sidecar) -> None:
    """Write whole or not at all: beside, then renamed."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(asdict(sidecar), indent=1) + "\n")
    part.replace(path)


def read_sidecar(path: Path) -> Sidecar:
    """Read a sidecar.

    Raises:
        ArtifactError: it is missing, no JSON, from a future version, or lacks a field.
    """
    try:
        record = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ArtifactError(f"no sidecar {path}: export again, or copy it from where the model was exported") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{path} is no readable JSON ({error}): export again") from error
    version = record.get("schema_version") if isinstance(record, dict) else None
    if version != SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} has schema version {version!r}, this library reads {SCHEMA_VERSION}: "
            "install the version that wrote it, or export again"
        )
    try:
        return _parse(record)
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{path} is incomplete ({error!r}): export again") from error


def check_file(record: FileRecord, folder: Path) -> Path:
    """The path of a recorded file, after comparing its size and hash.

    Raises:
        ArtifactError: it is missing, or its bytes are not those that were exported.
    """
    path = folder / record.file
    if not path.is_file():
        raise ArtifactError(f"{path} is missing, its sidecar names it: copy it there, or export again")
    found = record_file(path)
    if found.num_bytes != record.num_bytes:
        raise ArtifactError(
            f"{path} has {found.num_bytes} bytes, its sidecar says {record.num_bytes}: "
            "it is truncated or from another export; copy model and sidecar together"
        )
    if found.sha256 != record.sha256:
        raise ArtifactError(
            f"{path} has sha256 {found.sha256[:12]}…, its sidecar says {record.sha256[:12]}…: "
            "they are from different exports; copy model and sidecar together"
        )
    return path


def png_to_text(png: bytes) -> str:
    """PNG bytes as base64 text."""
    return base64.b64encode(png).decode("ascii")


def text_to_png(text: str) -> bytes:
    """The bytes behind `png_to_text`.

    Raises:
        ArtifactError: there are none.
    """
    try:
        png = base64.b64decode(text)
    except ValueError as error:
        raise ArtifactError(
            f"the sidecar holds an image that is no readable PNG in base64 ({error}): export again"
        ) from error
    if not png:
        raise ArtifactError("the sidecar holds an image that is no readable PNG, but empty: export again")
    return png


def _parse(record: dict[str, Any]) -> Sidecar:
    engine = record["engine"]
    golden = record["golden"]
    checkpoint = record["checkpoint"]
    return Sidecar(
        variant=record["variant"],
        network=record["network"],
        created=record["created"],
        checkpoint=FileRecord(**checkpoint) if checkpoint else None,
        files={role: FileRecord(**entry) for role, entry in record["files"].items()},
        versions=record["versions"],
        opset=record["opset"],
        engine=_parse_engine(engine) if engine else None,
        certificate=record["certificate"],
        golden=GoldenImage(**{**golden, "tolerance": spec.Tolerance(**golden["tolerance"])}) if golden else None,
    )


def _parse_engine(record: dict[str, Any]) -> EngineRecord:
    profiles = tuple(Profile(**{key: tuple(shape) for key, shape in profile.items()}) for profile in record["profiles"])
    lists = {key: tuple(record[key]) for key in ("fp32_islands", "compute_capabilities")}
    return EngineRecord(**{**record, **lists, "profiles": profiles})

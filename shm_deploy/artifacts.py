"""Model files on disk: which one is meant, whether it is whole, and what lies beside it."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from shm_deploy import spec
from shm_deploy.errors import ArtifactError, SpecError
from shm_deploy.sidecar import FileRecord, Sidecar, check_file, read_sidecar, record_file, sidecar_path

Kind = Literal["onnx", "plan", "checkpoint"]
KINDS: dict[str, Kind] = {".onnx": "onnx", ".plan": "plan", ".pt": "checkpoint"}

PACKAGED_MODEL = Path(__file__).parent / "weights" / "shm-live.onnx"


@dataclass(frozen=True, kw_only=True)
class PartFiles:
    """The float networks beside a joined graph."""

    tnet: Path
    mnet: Path
    fusion: Path
    coefficients: Path | None = None  # of `live` alone

    def live_part(self) -> Path:
        """That of `live` alone.

        Raises:
            ArtifactError: there is none.
        """
        if self.coefficients is None:
            raise ArtifactError(f"{spec.COEFFICIENTS_FILE} is missing beside {self.mnet}: export the model again")
        return self.coefficients


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A model whose bytes have been compared with its sidecar, where it has one."""

    path: Path
    kind: Kind
    sha256: str
    num_bytes: int
    sidecar: Sidecar | None

    def parts(self) -> PartFiles:
        """The float networks beside it, checked like the model itself.

        Raises:
            ArtifactError: one is missing (the message names it), or its bytes are not those that were exported.
        """
        files = {} if self.sidecar is None else self.sidecar.files
        coefficients = check_file(files[spec.COEFFICIENTS], self.path.parent) if spec.COEFFICIENTS in files else None
        return PartFiles(
            tnet=self._part("tnet"), mnet=self._part("mnet"), fusion=self._part("fusion"), coefficients=coefficients
        )

    def int8_parts(self) -> PartFiles:
        """The same, but T-Net is the one in 8 bit.

        Raises:
            ArtifactError: one is missing, or its bytes are not those that were exported.
        """
        if self.sidecar is None or spec.TNET_INT8 not in self.sidecar.files:
            raise ArtifactError(f"{self.path} has no T-Net in 8 bit: export it with shm-export --int8")
        return replace(self.parts(), tnet=check_file(self.sidecar.files[spec.TNET_INT8], self.path.parent))

    def _part(self, role: str) -> Path:
        folder = self.path.parent
        if self.sidecar is not None and role in self.sidecar.files:
            return check_file(self.sidecar.files[role], folder)
        path = folder / spec.PARTS[role]
        if not path.is_file():
            raise ArtifactError(
                f"{path} is missing; float alphas and edited trimaps need it: "
                f"copy {', '.join(spec.PARTS.values())} from the export to where {self.path.name} lies"
            )
        return path


def find_model(model: str | Path | None) -> ModelFile:
    """Look at a model file without opening it in a runtime; no GPU and no backend is needed.

    Args:
        model: a `.onnx`, `.plan` or `.pt` file; None is the packaged `live` model.

    Raises:
        SpecError: another suffix.
        ArtifactError: missing, empty or truncated, or its sidecar does not describe these bytes.
    """
    path = PACKAGED_MODEL if model is None else Path(model)
    kind = KINDS.get(path.suffix)
    if kind is None:
        raise SpecError(
            f"got the model {path}; wanted a file that ends with {', '.join(KINDS)}: export one with shm-export"
        )
    if not path.is_file():
        origin = (
            "it comes with the package: install it again"
            if model is None
            else "check the path, or export it with shm-export"
        )
        raise ArtifactError(f"no model {path}: {origin}")
    sidecar = read_sidecar(sidecar_path(path)) if sidecar_path(path).is_file() else None
    if sidecar is None:
        found = record_file(path)
    else:
        found = _record_of(path, sidecar)
        check_file(found, path.parent)
        if kind == "onnx" and (weights := sidecar.files.get("weights")) is not None:
            check_file(weights, path.parent)
    if found.num_bytes == 0 or (kind == "checkpoint" and not zipfile.is_zipfile(path)):
        raise ArtifactError(f"{path} ({found.num_bytes} bytes) is truncated, or no {kind}: copy or export it again")
    return ModelFile(path=path, kind=kind, sha256=found.sha256, num_bytes=found.num_bytes, sidecar=sidecar)


def _record_of(path: Path, sidecar: Sidecar) -> FileRecord:
    records = [*sidecar.files.values(), *([sidecar.checkpoint] if sidecar.checkpoint else [])]
    for record in records:
        if record.file == path.name:
            return record
    raise ArtifactError(
        f"{sidecar_path(path)} does not describe {path.name}, only {', '.join(record.file for record in records)}: "
        "they are from different exports; copy model and sidecar together, or give the model another name"
    )

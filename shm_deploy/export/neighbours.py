"""What lies in the folder of an export already: the checkpoint, and other models; none of them is replaced.

The parts have the same names for every model, so a folder holds those of one checkpoint only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from shm_deploy.errors import ArtifactError, SpecError
from shm_deploy.export.wanted import ExportSpec
from shm_deploy.sidecar import FileRecord, Sidecar, read_sidecar, record_file


def check_place(wanted: ExportSpec) -> None:
    """Refuse, before anything is made, a folder where something else would be lost.

    Raises:
        SpecError: the checkpoint itself would be replaced, or another one, or the parts of another model.
    """
    for file in wanted.files().values():
        path = wanted.out / file
        if path.exists() and path.samefile(wanted.checkpoint):
            raise SpecError(
                f"got {wanted.checkpoint} to export to {path}, which would replace it: give another --out or --name"
            )
    if wanted.compact:
        _check_rounded(wanted)
    for path, neighbour in _neighbours(wanted):
        if not _has_equal_parts(neighbour, wanted):
            raise _taken(wanted, path)


def check_parts(wanted: ExportSpec, made: Mapping[str, FileRecord]) -> None:
    """Refuse to place parts that differ from those that other models in the folder have.

    Args:
        wanted: what was exported.
        made: its files by role.

    Raises:
        SpecError: they differ, or one would go.
    """
    hashes = {record.file: record.sha256 for record in made.values()}
    for path, neighbour in _neighbours(wanted):
        shared = [record for record in neighbour.files.values() if record.file in wanted.files().values()]
        if any(hashes.get(record.file) != record.sha256 for record in shared):
            raise _taken(wanted, path)


def _check_rounded(wanted: ExportSpec) -> None:
    """Only an earlier compact export of this name may be replaced by this one's checkpoint."""
    path, sidecar = wanted.out / wanted.files()["rounded"], wanted.out / f"{wanted.name}.json"
    if path.exists() and (not sidecar.is_file() or "rounded" not in read_sidecar(sidecar).files):
        raise SpecError(
            f"got --compact, which writes {path}: another checkpoint lies there; give another --out or --name"
        )


def _neighbours(wanted: ExportSpec) -> Iterator[tuple[Path, Sidecar]]:
    """Other models in the folder whose files this export would write or remove."""
    ours = set(wanted.files().values())
    for path in sorted(wanted.out.glob("*.json")):
        if path.name == f"{wanted.name}.json":
            continue
        try:
            sidecar = read_sidecar(path)
        except ArtifactError:  # a report, or whatever else is JSON
            continue
        if any(record.file in ours and (wanted.out / record.file).exists() for record in sidecar.files.values()):
            yield path, sidecar


def _has_equal_parts(neighbour: Sidecar, wanted: ExportSpec) -> bool:
    """Whether the parts of both may turn out the same; `check_parts` makes sure of it."""
    if wanted.compact or "weights" in neighbour.files or neighbour.checkpoint is None:
        return False
    return (
        neighbour.checkpoint.sha256 == record_file(wanted.checkpoint).sha256
        and neighbour.opset == wanted.opset
        and wanted.int8 >= ("tnet_int8" in neighbour.files)
    )


def _taken(wanted: ExportSpec, sidecar: Path) -> SpecError:
    return SpecError(
        f"got {wanted.out} for {wanted.name}; the parts there belong to {sidecar.stem}, which is of another checkpoint "
        "or was exported in another way, and would be lost: give another --out, or remove that model first"
    )

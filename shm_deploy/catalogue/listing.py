"""What a catalogue holds: files, folders, patterns and lists of URIs become items with a target each."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from shm_deploy.catalogue.records import Item
from shm_deploy.catalogue.storage import failures, join, open_file_system, read_bytes
from shm_deploy.errors import MediaError, SpecError
from shm_deploy.media.formats import INPUT_SUFFIXES
from shm_deploy.media.planning import Found, find_pictures, tell_apart

SOURCE_COLUMNS = ("uri", "path", "source")  # of a Parquet list; the last is a manifest's own
TARGET_COLUMN = "target"


def list_items(inputs: Sequence[str], output: str, suffix: str) -> list[Item]:
    """Find the pictures of a catalogue and name a target for each.

    Targets are named as `plan_folder` names them. A picture of a list keeps its whole path, with the host or bucket of
    a URI as first folder, or gets the name in the list's column `target`.

    Args:
        inputs: paths, folders and patterns, local or with a protocol (`s3://bucket/folder`), and lists: Parquet files
            or folders with a column `uri`, `path` or `source`, or `.txt` with one a line. Local paths are taken from
            the working folder.
        output: path or URI of the folder for the results.
        suffix: of every target, such as ".png".

    Returns:
        Items in a fixed order, each source once; local sources are absolute paths.

    Raises:
        MediaError: an input does not exist, can't be read, or holds no picture.
        SpecError: two pictures would share a target, or a target would be one of the sources or outside the folder.
    """
    found: dict[str, Found] = {}
    for text in inputs:
        for entry in _find(text, output):
            found.setdefault(entry.source, entry)
    entries = tell_apart(list(found.values()), suffix)
    items = [Item(source=entry.source, target=entry.target(suffix).as_posix()) for entry in entries]
    _check_targets(items, output, set(found))
    return items


def absolute(path: str) -> str:
    """A local path that means the same file to every process of this machine; a URI as it is."""
    return path if _has_protocol(path) else str(Path(path).absolute())


def _find(text: str, output: str) -> list[Found]:
    if text.endswith(".parquet"):
        return _from_table(_read_table(text), text)
    if text.endswith(".txt"):
        lines = _read_lines(text)
        return [_listed(line, None) for line in lines]
    if _has_protocol(text):
        return _find_remote(text, output)
    entries = find_pictures(text, Path(output))
    return [Found(source=absolute(entry.source), place=entry.place) for entry in entries]


def _find_remote(uri: str, output: str) -> list[Found]:
    """What `find_pictures` finds on a disk: results below the output folder are no inputs either."""
    file_system, path = open_file_system(uri)
    results = f"{output.rstrip('/')}/"
    try:
        if glob.has_magic(path):
            base = _fixed_part(path)
            files = sorted(file_system.glob(path))
        elif file_system.isdir(path):
            base = path.rstrip("/")
            files = sorted(file_system.find(path))
        elif file_system.exists(path):
            return [Found(source=uri, place=Path(PurePosixPath(path).name))]
        else:
            raise MediaError(f"{uri} does not exist")
    except failures() as error:
        raise MediaError(f"can't list {uri}: {error}") from error
    places = {str(file): Path(str(file).removeprefix(base).lstrip("/")) for file in files}
    found = [Found(source=str(file_system.unstrip_protocol(file)), place=place) for file, place in places.items()]
    entries = [entry for entry in found if _is_picture(entry.place) and not entry.source.startswith(results)]
    if not entries:
        raise MediaError(f"no pictures in {uri} (looked for {' '.join(sorted(INPUT_SUFFIXES))})")
    return entries


def _is_picture(place: Path) -> bool:
    return place.suffix.lower() in INPUT_SUFFIXES and not any(part.startswith(".") for part in place.parts)


def _read_table(uri: str) -> pa.Table:
    file_system, path = open_file_system(uri)
    try:
        return pq.read_table(path, filesystem=file_system)
    except (pa.ArrowInvalid, *failures()) as error:
        raise MediaError(f"can't read the list {uri}: {error}") from error


def _from_table(table: pa.Table, name: str) -> list[Found]:
    column = next((column for column in SOURCE_COLUMNS if column in table.column_names), None)
    if column is None:
        raise MediaError(
            f"{name} has the columns {', '.join(table.column_names)}; wanted one of {', '.join(SOURCE_COLUMNS)}"
        )
    sources = table[column].to_pylist()
    targets = table[TARGET_COLUMN].to_pylist() if TARGET_COLUMN in table.column_names else [None] * len(sources)
    return [_listed(source, target) for source, target in zip(sources, targets, strict=True)]


def _read_lines(uri: str) -> list[str]:
    try:
        text = read_bytes(uri).decode()
    except UnicodeDecodeError as error:
        raise MediaError(f"{uri} is no list in UTF-8 ({error}): wanted one path or URI a line") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _listed(source: str, target: str | None) -> Found:
    if target is not None:
        return Found(source=absolute(source), place=Path(target))
    path = source.partition("://")[2] if _has_protocol(source) else source
    return Found(source=absolute(source), place=Path(path.partition("?")[0].lstrip("/")))


def _check_targets(items: Sequence[Item], output: str, sources: set[str]) -> None:
    folder = absolute(output)
    for item in items:
        if ".." in Path(item.target).parts or Path(item.target).is_absolute():
            raise SpecError(f"{item.source} would be written to {item.target}, outside {output}: name its target")
        if join(folder, item.target) in sources:
            raise SpecError(f"{join(folder, item.target)} is one of the inputs: name another output folder")
    shared = [target for target, count in Counter(item.target.casefold() for item in items).items() if count > 1]
    if shared:
        raise SpecError(
            f"{len(shared)} targets would be written twice, such as {shared[0]}: "
            f"list the pictures in Parquet with a column {TARGET_COLUMN!r}"
        )


def _fixed_part(pattern: str) -> str:
    """The folders of a pattern before its first wildcard."""
    fixed: list[str] = []
    for part in pattern.split("/")[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return "/".join(fixed)


def _has_protocol(text: str) -> bool:
    return "://" in text

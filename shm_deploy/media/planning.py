"""Which file becomes which: inputs of a command line to pairs of source and target."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.media.formats import INPUT_SUFFIXES


@dataclass(frozen=True, kw_only=True)
class Job:
    """One picture to read and the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True, kw_only=True)
class Found:
    """A picture, before its target has a name."""

    source: str  # a path or a URI
    place: Path  # relative to the input that it was found in
    whole_name: bool = False

    def target(self, suffix: str) -> Path:
        """The name of its result, relative to the output folder."""
        return self.place.parent / ((self.place.name if self.whole_name else self.place.stem) + suffix)


def writes_folder(inputs: Sequence[str], output: Path) -> bool:
    """Whether `output` names a folder: several inputs, a folder or a pattern come in, or it is one already."""
    if len(inputs) > 1 or output.is_dir() or str(output).endswith(os.sep):
        return True
    return not Path(inputs[0]).is_file() and (Path(inputs[0]).is_dir() or glob.has_magic(inputs[0]))


def plan_file(source: Path, target: Path) -> Job:
    """One picture to one file.

    Raises:
        MediaError: the picture does not exist.
        SpecError: both are the same file.
    """
    if not source.exists():
        raise MediaError(f"{source} does not exist")
    if source.resolve() == target.resolve():
        raise SpecError(f"{source} is both input and output: name another output")
    return Job(source=source, target=target)


def plan_folder(inputs: Sequence[str], folder: Path, suffix: str) -> list[Job]:
    """Find the pictures of files, folders and patterns, and name a target for each under `folder`.

    A target keeps the path relative to its input folder (or to the part of a pattern before the first wildcard) and
    its stem. Where that would give two pictures one target, such as `a.jpg` and `a.png`, each of them keeps its whole
    name: `a.jpg.png` and `a.png.png`. Names that differ only in case count as one, so that a result can be copied to
    any file system.

    Args:
        inputs: paths and patterns (`*`, `?`, `[...]`, `**`); hidden files are passed over.
        folder: where the results go; pictures below it are results, not inputs.
        suffix: of every target, such as ".png".

    Returns:
        Jobs in a fixed order, each source once.

    Raises:
        MediaError: an input does not exist or holds no picture.
        SpecError: a target would be one of the sources.
    """
    found: dict[Path, Found] = {}
    for text in inputs:
        for entry in find_pictures(text, folder):
            found.setdefault(Path(entry.source).resolve(), entry)
    entries = tell_apart(list(found.values()), suffix)
    jobs = [Job(source=Path(entry.source), target=folder / entry.target(suffix)) for entry in entries]
    for job in jobs:
        if job.target.resolve() in found:
            raise SpecError(f"{job.target} is one of the inputs: name another output folder")
    return jobs


def find_pictures(text: str, output: Path) -> list[Found]:
    """The pictures of one file, folder or pattern, in a fixed order.

    Raises:
        MediaError: it does not exist, or holds no picture.
        SpecError: it is the output folder.
    """
    path = Path(text)
    if path.is_dir():
        if path.resolve() == output.resolve():
            raise SpecError(f"{path} is both input and output: name another output folder")
        pictures = _walk(path, output.resolve())
        entries = [Found(source=str(source), place=source.relative_to(path)) for source in pictures]
    elif path.exists():
        return [Found(source=text, place=Path(path.name))]
    elif glob.has_magic(text):
        base = _fixed_part(text)
        matches = sorted(Path(match) for match in glob.glob(text, recursive=True))
        entries = [Found(source=str(match), place=match.relative_to(base)) for match in matches if match.is_file()]
    else:
        raise MediaError(f"{text} does not exist")
    if not entries:
        raise MediaError(f"no pictures in {text} (looked for {' '.join(sorted(INPUT_SUFFIXES))})")
    return entries


def _walk(folder: Path, skipped: Path) -> list[Path]:
    """Pictures below a folder in a fixed order; links to folders are not followed."""
    pictures: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(parent) / name).resolve() != skipped
        )
        pictures += [
            Path(parent) / name
            for name in sorted(names)
            if not name.startswith(".") and Path(name).suffix.lower() in INPUT_SUFFIXES
        ]
    return pictures


def _fixed_part(pattern: str) -> Path:
    """The folders of a pattern before its first wildcard."""
    fixed: list[str] = []
    for part in Path(pattern).parent.parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def tell_apart(entries: list[Found], suffix: str) -> list[Found]:
    """Give whole names to those that share a target, until none do or nothing is left to lengthen."""
    while True:
        keys = [str(entry.target(suffix)).casefold() for entry in entries]
        shared = {key for key, count in Counter(keys).items() if count > 1}
        longer = [
            replace(entry, whole_name=True) if key in shared else entry
            for entry, key in zip(entries, keys, strict=True)
        ]
        if longer == entries:
            return entries
        entries = longer

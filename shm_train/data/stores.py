"""Where the files of a pack lie: each by itself in a folder, or many in a few tars."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from shm_deploy.errors import ArtifactError

SAMPLES_FOLDER = "samples"
SHARDS = "shard-*.tar"
LAST_SUFFIX = ".json"  # of a sample's files in a shard: its record of the index


class Files(Protocol):
    """The files of a pack, by their sample's key and what they end with."""

    def path(self, key: str, suffix: str) -> Path:
        """Where a file lies; in a shard, the path of the shard and its name there."""

    def read(self, key: str, suffix: str) -> bytes:
        """Its bytes; ArtifactError if it is missing."""


class FolderFiles:
    """Each file by itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str, suffix: str) -> Path:
        """As in `Files`."""
        return self.folder / f"{key}{suffix}"

    def read(self, key: str, suffix: str) -> bytes:
        """As in `Files`."""
        path = self.path(key, suffix)
        try:
            return path.read_bytes()
        except OSError as error:
            raise ArtifactError(f"{path} is missing or unreadable: pack again") from error


class ShardFiles:
    """Files in tars; where in them is read once, from their headers."""

    def __init__(self, shards: Sequence[Path]) -> None:
        """Read the headers.

        Raises:
            ArtifactError: a shard is cut off or no tar.
        """
        self._places: dict[str, _Place] = {}
        for path in shards:
            try:
                with tarfile.open(path, "r:") as shard:
                    for member in shard:
                        self._places[member.name] = _Place(path, member.offset_data, member.size)
            except (tarfile.TarError, OSError) as error:
                raise ArtifactError(f"{path} is no readable tar ({error}): copy it again") from error

    def __contains__(self, key: str) -> bool:
        """Whether a sample is there, to its last file."""
        return shard_name(key) + LAST_SUFFIX in self._places

    def path(self, key: str, suffix: str) -> Path:
        """As in `Files`."""
        name = shard_name(key) + suffix
        return self._places[name].shard / name

    def read(self, key: str, suffix: str) -> bytes:
        """As in `Files`; opened anew each time, so that processes share no position."""
        place = self._places.get(shard_name(key) + suffix)
        if place is None:
            raise ArtifactError(f"{key}{suffix} is in no shard: make the shards again")
        try:
            with place.shard.open("rb") as shard:
                shard.seek(place.offset)
                return shard.read(place.size)
        except OSError as error:
            raise ArtifactError(f"{place.shard} is missing or unreadable: copy it again") from error


class _Place(NamedTuple):
    shard: Path
    offset: int
    size: int


def open_files(folder: Path, keys: Sequence[str]) -> Files:
    """The files of a pack's folder, in whichever way they lie there.

    Raises:
        ArtifactError: a shard is cut off, or one is missing.
    """
    shards = sorted(folder.glob(SHARDS))
    if not shards:
        return FolderFiles(folder / SAMPLES_FOLDER)
    files = ShardFiles(shards)
    absent = [key for key in keys if key not in files]
    if absent:
        raise ArtifactError(f"{folder} lacks {len(absent)} samples of its index, such as {absent[0]}: copy every shard")
    return files


def shard_name(key: str) -> str:
    """A key without dots: readers of WebDataset take what follows the first one for the suffix."""
    return key.replace(".", "_")

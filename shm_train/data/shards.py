"""The files of a pack in a few large ones: where a file system is slow, or a pack must travel.

WebDataset's way: `shard-00000.tar` and so on, in which all files of a sample follow each other under one name, with
its record of the index as `.json`. `index.json` lies beside them, the same bytes as in the pack's folder.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from shm_deploy.errors import SpecError
from shm_train.data.samples import INDEX_FILE, SUFFIXES, Pack, Sample
from shm_train.data.stores import LAST_SUFFIX, shard_name

MAX_BYTES = 64 * 2**20  # of one shard
BLOCK = tarfile.BLOCKSIZE


def write_shards(pack: Pack, folder: Path, max_bytes: int = MAX_BYTES) -> int:
    """Write the shards of a pack; the index comes last.

    Args:
        pack: what to write.
        folder: where to; new or empty.
        max_bytes: of one shard.

    Returns:
        The number of shards.

    Raises:
        SpecError: the folder is not empty, two names would become one, or a sample fits into no shard.
        ArtifactError: a file of the pack is missing.
    """
    if folder.exists() and any(folder.iterdir()):
        raise SpecError(f"{folder} is not empty; give a new folder, or delete it first")
    names = {shard_name(sample.key) for sample in pack.samples}
    if len(names) < len(pack.samples):
        raise SpecError(f"{pack.folder} has keys that differ only in dots and underscores; rename those pictures")
    folder.mkdir(parents=True, exist_ok=True)
    number = -1
    for number, members in enumerate(_filled(pack, max_bytes)):
        with tarfile.open(folder / f"shard-{number:05d}.tar", "w", format=tarfile.PAX_FORMAT) as shard:
            for member in members:
                shard.addfile(member.header, io.BytesIO(member.data))
    part = folder / (INDEX_FILE + ".part")
    part.write_bytes((pack.folder / INDEX_FILE).read_bytes())
    part.replace(folder / INDEX_FILE)
    return number + 1


class _Member(NamedTuple):
    header: tarfile.TarInfo
    data: bytes

    @property
    def size(self) -> int:
        """Bytes in the shard."""
        return len(self.header.tobuf(tarfile.PAX_FORMAT)) + -(-len(self.data) // BLOCK) * BLOCK


def _filled(pack: Pack, max_bytes: int) -> Iterator[list[_Member]]:
    """The members of each shard, samples undivided."""
    room = max_bytes - tarfile.RECORDSIZE  # a tar ends with two empty blocks, padded to a record
    members: list[_Member] = []
    filled = 0
    for sample in pack.samples:
        added = _members(pack, sample)
        size = sum(member.size for member in added)
        if size > room:
            raise SpecError(f"{sample.key} takes {size} bytes, more than a shard of {max_bytes} holds")
        if filled + size > room:
            yield members
            members, filled = [], 0
        members += added
        filled += size
    if members:
        yield members


def _members(pack: Pack, sample: Sample) -> Sequence[_Member]:
    contents = {suffix: pack.read_bytes(sample, suffix) for suffix in SUFFIXES[sample.kind]}
    contents[LAST_SUFFIX] = json.dumps(asdict(sample)).encode()
    members = []
    for suffix, data in contents.items():
        header = tarfile.TarInfo(shard_name(sample.key) + suffix)
        header.size = len(data)
        members.append(_Member(header, data))
    return members

"""Teachers' labels that come in tars, one for each source."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from shm_deploy.errors import ArtifactError


def unpack_labels(tars: Sequence[Path], labels: Path) -> None:
    """Unpack `SOURCE.tar` files to `labels/SOURCE/`, flat; what is there already stays.

    Each file appears whole or not at all, so that an unpacking that was cut off can be done again.

    Raises:
        ArtifactError: a tar is missing or cut off, or the disk is full.
    """
    for tar in tars:
        folder = labels / tar.stem
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tarfile.open(tar) as archive:
                for member in archive:
                    stream = archive.extractfile(member)
                    if stream is not None:
                        _write_new(folder / Path(member.name).name, stream.read())
        except (OSError, tarfile.TarError, EOFError) as error:
            raise ArtifactError(f"can't unpack {tar} to {folder} ({error}): copy it again, or make room") from error


def _write_new(target: Path, data: bytes) -> None:
    if target.exists():
        return
    part = target.with_name(target.name + ".part")
    part.write_bytes(data)
    part.replace(target)

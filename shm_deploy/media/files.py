"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shm_deploy.errors import MediaError


def check_target(target: Path, *, overwrite: bool) -> None:
    """Make sure that a file may be written at `target`.

    Raises:
        MediaError: it exists and must not be overwritten, or it is no regular file.
    """
    if target.is_dir():
        raise MediaError(f"got the folder {target} as an output file: name a file in it")
    if target.exists() and not target.is_file():
        raise MediaError(f"{target} is no regular file: write to '-' (standard output) or to a file")
    if target.exists() and not overwrite:
        raise MediaError(f"{target} exists: name another output, or give --overwrite to replace it")


@contextmanager
def whole_file(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Write a file that appears at `target` when the block ends well, and leaves nothing when it does not.

    The folders above it are made. A link is followed: what it points to is replaced, not the link.

    Args:
        target: where the file shall appear.
        overwrite: whether an existing file may be replaced.

    Yields:
        The path to write to, in the same folder, ending in `.part`.

    Raises:
        MediaError: `check_target` refuses, or the file system does.
    """
    check_target(target, overwrite=overwrite)
    home = target.resolve()
    # A name of its own: two processes that write one target don't meet, and long names stay within the limit.
    part = home.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            check_target(target, overwrite=overwrite)
            part.replace(home)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise MediaError(f"can't write {target}: {error.strerror or error}") from error


def write_whole(target: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write bytes to a file, whole or not at all; arguments and errors as in `whole_file`."""
    with whole_file(target, overwrite=overwrite) as part:
        part.write_bytes(data)

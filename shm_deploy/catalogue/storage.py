"""Files at a path or a URI, such as `s3://bucket/a.jpg`: read whole, and written whole or not at all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import fsspec

from shm_deploy.errors import BackendUnavailable, MediaError
from shm_deploy.media.files import write_whole


def open_file_system(uri: str) -> tuple[Any, str]:
    """The fsspec file system of a path or URI, and the path within it.

    Raises:
        BackendUnavailable: the package for this kind of URI is not installed.
        MediaError: no such kind of URI, or its storage can't be reached.
    """
    try:
        file_system, path = fsspec.url_to_fs(uri)
    except ImportError as error:
        raise BackendUnavailable(f"can't open {uri}: {error} (in every process that runs the work)") from error
    except failures() as error:
        raise MediaError(f"can't open {uri}: {_said(error)}") from error
    return file_system, str(path)


def read_bytes(uri: str) -> bytes:
    """The contents of a file.

    Raises:
        MediaError: it can't be read.
    """
    data = read_if_there(uri)
    if data is None:
        raise MediaError(f"can't read {uri}: it does not exist")
    return data


def read_if_there(uri: str) -> bytes | None:
    """The contents of a file, or None where there is none; errors as in `read_bytes`."""
    file_system, path = open_file_system(uri)
    try:
        data: bytes = Path(path).read_bytes() if is_local(file_system) else file_system.cat_file(path)
    except FileNotFoundError:
        return None
    except failures() as error:
        raise MediaError(f"can't read {uri}: {_said(error)}") from error
    return data


def write_bytes(uri: str, data: bytes) -> None:
    """Write a file, replacing one that exists; folders above it are made.

    On a local disk it appears whole or not at all; object stores promise that themselves.

    Raises:
        MediaError: it can't be written.
    """
    file_system, path = open_file_system(uri)
    if is_local(file_system):
        write_whole(Path(path), data, overwrite=True)
        return
    try:
        file_system.makedirs(path.rpartition("/")[0], exist_ok=True)
        file_system.pipe_file(path, data)
    except failures() as error:
        raise MediaError(f"can't write {uri}: {_said(error)}") from error


def list_files(uri: str) -> set[str]:
    """The files below a folder, as paths relative to it; none where it does not exist.

    Raises:
        MediaError: it can't be listed.
    """
    file_system, path = open_file_system(uri)
    root = path.rstrip("/") + "/"
    try:
        file_system.invalidate_cache()  # another process may have written since
        return {str(file).removeprefix(root) for file in file_system.find(path)}
    except FileNotFoundError:
        return set()
    except failures() as error:
        raise MediaError(f"can't list {uri}: {_said(error)}") from error


def remove_files(uris: list[str]) -> None:
    """Remove files that exist.

    Raises:
        MediaError: one can't be removed.
    """
    for uri in uris:
        file_system, path = open_file_system(uri)
        try:
            file_system.rm_file(path)
        except failures() as error:
            raise MediaError(f"can't remove {uri}: {_said(error)}") from error


def join(folder: str, name: str) -> str:
    """The path or URI of a file in a folder."""
    return f"{folder.rstrip('/')}/{name}"


def is_local(file_system: Any) -> bool:
    """Whether it is the disk of this machine."""
    return isinstance(file_system, fsspec.get_filesystem_class("file"))


def failures() -> tuple[type[Exception], ...]:
    """What file systems raise when a file can't be had."""
    if "aiohttp" in sys.modules:  # https:// lets its errors through
        from aiohttp import ClientError

        return (OSError, ValueError, ClientError)
    return (OSError, ValueError)


def _said(error: Exception) -> str:
    return str(error.strerror if isinstance(error, OSError) and error.strerror else error) or type(error).__name__

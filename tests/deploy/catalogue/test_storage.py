"""Files at paths and URIs."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from shm_deploy.catalogue.storage import join, list_files, read_bytes, read_if_there, remove_files, write_bytes
from shm_deploy.errors import BackendUnavailable, MediaError


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An output folder that does not exist yet."""
    return str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}/out"


def test_files_are_written_listed_replaced_and_removed(folder: str) -> None:
    """The same on a disk and elsewhere."""
    assert list_files(folder) == set()
    assert read_if_there(join(folder, "a/b.txt")) is None
    write_bytes(join(folder, "a/b.txt"), b"one")
    write_bytes(join(folder, "a/b.txt"), b"two")
    assert list_files(folder) == {"a/b.txt"}
    assert read_bytes(join(folder, "a/b.txt")) == b"two"
    remove_files([join(folder, "a/b.txt")])
    assert list_files(folder) == set()


def test_missing_file_is_named(folder: str) -> None:
    """As a MediaError, whatever the storage raises."""
    with pytest.raises(MediaError, match=r"can't read .*a\.txt"):
        read_bytes(join(folder, "a.txt"))


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file is in the way."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MediaError, match="can't write"):
        write_bytes(str(tmp_path / "file" / "a.txt"), b"")


def test_missing_package_is_named() -> None:
    """s3:// needs one that the extra does not bring."""
    with pytest.raises(BackendUnavailable, match="s3fs"):
        read_bytes("s3://bucket/a.jpg")

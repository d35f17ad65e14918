"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from shm_deploy.errors import MediaError
from shm_deploy.media.files import whole_file, write_whole


def test_file_appears_whole_in_a_new_folder(tmp_path: Path) -> None:
    """Missing folders are made; nothing else is left beside."""
    write_whole(tmp_path / "a" / "b" / "result.png", b"data")
    assert (tmp_path / "a" / "b" / "result.png").read_bytes() == b"data"
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["result.png"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_the_old_file_and_nothing_else(failure: type[BaseException], tmp_path: Path) -> None:
    """Half a result never shows, whatever ends the block."""
    target = tmp_path / "result.png"
    target.write_bytes(b"old")

    def fail_halfway() -> None:
        with whole_file(target, overwrite=True) as part:
            part.write_bytes(b"ha")
            raise failure

    with pytest.raises(failure):
        fail_halfway()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_existing_file_needs_overwrite(tmp_path: Path) -> None:
    """It is refused without, replaced with."""
    target = tmp_path / "result.png"
    target.write_bytes(b"old")
    with pytest.raises(MediaError, match="--overwrite"):
        write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    write_whole(target, b"new", overwrite=True)
    assert target.read_bytes() == b"new"


def test_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """Another program's file, written while this one was being made, stays."""
    target = tmp_path / "result.png"

    def race() -> None:
        with whole_file(target) as part:
            part.write_bytes(b"mine")
            target.write_bytes(b"theirs")

    with pytest.raises(MediaError, match="exists"):
        race()
    assert target.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [target]


def test_link_keeps_pointing_to_the_replaced_file(tmp_path: Path) -> None:
    """What a link points to is replaced, not the link."""
    (tmp_path / "real.png").write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to("real.png")
    write_whole(link, b"new", overwrite=True)
    assert link.is_symlink()
    assert (tmp_path / "real.png").read_bytes() == b"new"


def test_devices_and_folders_are_no_targets(tmp_path: Path) -> None:
    """Renaming over /dev/null would replace the device."""
    with pytest.raises(MediaError, match="no regular file"):
        write_whole(Path("/dev/null"), b"data", overwrite=True)
    with pytest.raises(MediaError, match="folder"):
        write_whole(tmp_path, b"data", overwrite=True)


def test_unwritable_place_is_a_media_error(tmp_path: Path) -> None:
    """A file where a folder should be; the system's reason is passed on."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MediaError, match="can't write"):
        write_whole(tmp_path / "file" / "result.png", b"data")


def test_longest_names_can_be_written(tmp_path: Path) -> None:
    """The temporary name does not grow with the target's, which may take all 255 bytes."""
    target = tmp_path / ("x" * 251 + ".png")
    write_whole(target, b"data")
    assert target.read_bytes() == b"data"

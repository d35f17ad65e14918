"""Labels from tars."""

import tarfile
from pathlib import Path

import pytest

from shm_deploy.errors import ArtifactError
from shm_train.data.label_tars import unpack_labels


@pytest.fixture
def tar(tmp_path):
    """Two labels of one source, one of them in a folder within."""
    made = tmp_path / "made"
    for name in ("one.matte.webp", "deep/two.matte.webp"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(Path(name).name.encode() * 1000)
    with tarfile.open(tmp_path / "studio.tar", "w") as archive:
        archive.add(made, "whatever")
    return tmp_path / "studio.tar"


def test_labels_come_to_lie_in_the_folder_of_their_source(tar, tmp_path):
    """Flat; what is there already stays as it is."""
    (tmp_path / "labels" / "studio").mkdir(parents=True)
    (tmp_path / "labels" / "studio" / "one.matte.webp").write_bytes(b"mine")
    unpack_labels([tar], tmp_path / "labels")
    found = {path.name: path.read_bytes() for path in (tmp_path / "labels" / "studio").iterdir()}
    assert found == {"one.matte.webp": b"mine", "two.matte.webp": b"two.matte.webp" * 1000}


def test_tar_that_is_cut_off_is_named(tar, tmp_path):
    """In the middle of its first label, of which nothing is left; a whole tar is unpacked after all."""
    whole = tar.read_bytes()
    tar.write_bytes(whole[: whole.index(b"two.matte.webp" * 2) + 1000])
    with pytest.raises(ArtifactError, match=r"studio\.tar.*copy it again"):
        unpack_labels([tar], tmp_path / "labels")
    assert list((tmp_path / "labels" / "studio").iterdir()) == []
    tar.write_bytes(whole)
    unpack_labels([tar], tmp_path / "labels")
    assert len(list((tmp_path / "labels" / "studio").iterdir())) == 2


def test_missing_tar_is_named(tmp_path):
    """Not a traceback."""
    with pytest.raises(ArtifactError, match=r"none\.tar"):
        unpack_labels([tmp_path / "none.tar"], tmp_path / "labels")

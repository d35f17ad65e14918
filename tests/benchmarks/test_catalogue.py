"""The pictures that the catalogue benchmark makes."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from benchmarks.catalogue import SIDES, make_pictures
from shm_deploy.export.photographs import PACKAGED_FOLDER


def test_pictures_are_many_sizes_of_different_crops_and_the_same_again(tmp_path: Path) -> None:
    """The longest side lies between the limits; no two files are alike."""
    for name in ("a", "b"):
        make_pictures(PACKAGED_FOLDER, 6, tmp_path / name)
    files = sorted((tmp_path / "a").iterdir())
    assert [path.name for path in files] == [f"0000{index}.jpg" for index in range(6)]
    assert len({path.read_bytes() for path in files}) == 6
    for path in files:
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        with Image.open(path) as picture:
            assert SIDES[0] <= max(picture.size) <= SIDES[1]

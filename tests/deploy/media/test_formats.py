"""What can be written, and what is said about the rest."""

from __future__ import annotations

from pathlib import Path

import PIL.features
import pytest

from shm_deploy.errors import MediaError, SpecError
from shm_deploy.media.formats import AVIF, FORMATS, JPEG, PNG, ImageFormat, check_format, format_of_path


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "PNG"), ("a.JPEG", "JPEG"), ("a.b.Tif", "TIFF"), ("a.webp", "WEBP"), ("a.avif", "AVIF")],
)
def test_a_files_name_says_its_format(name: str, kind: str) -> None:
    """By its last suffix, in any case."""
    assert format_of_path(Path(name)).name == kind


@pytest.mark.parametrize("name", ["a", "a.xyz", "png"])
def test_a_name_that_says_none_is_refused(name: str) -> None:
    """The name and every suffix that would do are in the message."""
    with pytest.raises(SpecError, match=rf"can't tell the format of {name}.*\.png .*\.jpeg"):
        format_of_path(Path(name))


def test_a_cutout_is_refused_where_no_alpha_is() -> None:
    """JPEG holds opaque results only; the ways out are named."""
    with pytest.raises(SpecError, match=r"JPEG has no alpha channel.*PNG, WebP, TIFF or AVIF.*--background"):
        check_format(JPEG, opaque=False)
    check_format(JPEG, opaque=True)


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_what_this_pillow_lacks_is_told_before_any_work(kind: ImageFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    """AVIF came late, and the others may be left out of a build; PNG is always there."""
    monkeypatch.setattr(PIL.features, "check", lambda feature: False)
    if kind is PNG:
        check_format(kind, opaque=True)
        return
    with pytest.raises(MediaError, match=rf"this Pillow can't write {kind.name}: pip install --upgrade pillow"):
        check_format(kind, opaque=True)


def test_pillow_of_the_tests_writes_avif() -> None:
    """So that the tests of its results are no empty promise."""
    check_format(AVIF, opaque=False)

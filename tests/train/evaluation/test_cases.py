"""What models are judged on."""

import cv2
import numpy as np
import pytest

from shm_deploy.errors import ArtifactError, SpecError
from shm_train.data.samples import Pack
from shm_train.evaluation.cases import GROUNDS_PER_CUTOUT, evenly, find_cases
from tests.train.data.folders import ALPHA, picture, write


@pytest.fixture
def folder(tmp_path):
    """Two photographs with alphas, one of them in a folder below."""
    for name in ("one", "more/two"):
        write(tmp_path / "image" / f"{name}.jpg", picture(1))
        write(tmp_path / "alpha" / f"{name}.png", ALPHA)
    return tmp_path


def test_a_limit_spreads_over_all():
    """Two of five: the first and one of the middle; no limit, all."""
    assert evenly("abcde", 2) == ["a", "c"]
    assert evenly("abcde", None) == list("abcde")
    assert evenly("ab", 5) == ["a", "b"]


def test_pictures_find_their_alphas_by_name(folder):
    """Whatever the suffix, folders included; the truth is in 0..1 and trusted everywhere."""
    cases = find_cases(folder, None)
    assert [case.key for case in cases] == ["more/two", "one"]
    scene = cases[1].scene()
    assert scene.image.shape == (*ALPHA.shape, 3)
    assert scene.truth.max() == 1
    assert np.array_equal(np.round(scene.truth * 255), ALPHA)
    assert scene.sure.all()


def test_a_picture_without_a_partner_is_named(folder):
    """An evaluation over some of the pictures would look like one over all."""
    (folder / "alpha" / "one.png").unlink()
    with pytest.raises(ArtifactError, match="such as one"):
        find_cases(folder, None)


def test_two_pictures_of_one_name_are_refused(folder):
    """Only one of them could be judged, and nobody would know which."""
    write(folder / "image" / "one.png", picture(2))
    with pytest.raises(ArtifactError, match=r"one\.png has the name of one\.jpg"):
        find_cases(folder, None)


def test_an_alpha_of_another_size_is_refused(folder):
    """It is never scaled in silence."""
    write(folder / "alpha" / "one.png", cv2.resize(ALPHA, (50, 40)))
    with pytest.raises(ArtifactError, match="50x40"):
        find_cases(folder, None)[1].scene()


def test_held_out_cut_outs_are_composed_over_several_grounds(pack):
    """Two cut-outs over eight grounds each; the same every time."""
    cases = find_cases(pack.folder, None)
    assert [case.source for case in cases] == ["drawn"] * 2 * GROUNDS_PER_CUTOUT
    first, again = cases[0].scene(), find_cases(pack.folder, None)[0].scene()
    assert first.image.shape == (480, 640, 3)
    assert np.array_equal(first.image, again.image)


def test_a_pack_without_cut_outs_is_refused(pack, monkeypatch):
    """There is no exact alpha to judge by."""
    monkeypatch.setattr(Pack, "of", lambda *_, **__: [])
    with pytest.raises(SpecError, match="no held-out cut-out"):
        find_cases(pack.folder, None)

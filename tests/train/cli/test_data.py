"""shm-data from the command line."""

import json

import pytest

from shm_train.cli import data
from shm_train.data.samples import Pack
from tests.train.data.folders import cut_out, picture, write


def test_folders_are_packed(tmp_path, capsys):
    """The table counts kinds and sources, and rejected.json says what is missing from it."""
    write(tmp_path / "data/rgba/studio/one.png", cut_out(0))
    write(tmp_path / "data/rgba/studio/flat.png", picture(1))
    write(tmp_path / "data/fg/lonely.png", picture(2))
    assert data.main(["pack", str(tmp_path / "data"), str(tmp_path / "pack"), "--workers", "0"]) == 0
    output = capsys.readouterr().out
    assert "cutout      studio" in output
    assert "rejected 2" in output
    assert json.loads((tmp_path / "pack/rejected.json").read_text()) == {
        "fg/lonely.png": "no alpha of this name",
        "studio-flat": "no alpha channel",
    }


def test_excluded_pictures_are_not_packed(tmp_path, capsys):
    """Keys of the list that are not in the data are counted."""
    for name in ("one", "two"):
        write(tmp_path / f"data/rgba/studio/{name}.png", cut_out(0))
    (tmp_path / "exclude.txt").write_text("studio-two blurred\nstudio-three gone\n")
    arguments = ["pack", str(tmp_path / "data"), str(tmp_path / "pack"), "--workers", "0"]
    assert data.main([*arguments, "--exclude", str(tmp_path / "exclude.txt")]) == 0
    assert [sample.key for sample in Pack(tmp_path / "pack").samples] == ["studio-one"]
    assert "excluded 1 pictures; 1 lines of the list fit none" in capsys.readouterr().err


def test_sources_may_have_weights(tmp_path, capsys):
    """Of the named source; the others have 1."""
    write(tmp_path / "data/rgba/studio/one.png", cut_out(0))
    write(tmp_path / "data/rgba/street/two.png", cut_out(1))
    arguments = ["pack", str(tmp_path / "data"), str(tmp_path / "pack"), "--workers", "0"]
    assert data.main([*arguments, "--weight", "studio=2.5"]) == 0
    assert {sample.source: sample.weight for sample in Pack(tmp_path / "pack").samples} == {"studio": 2.5, "street": 1}


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("studio", "wanted SOURCE=NUMBER"),
        ("studio=0", "got weight 0.0 of source studio"),
        ("studio=nan", "got weight nan"),
        ("attic=2", "got weights of attic; the sources here are studio"),
    ],
)
def test_weights_that_mean_nothing_are_refused(tmp_path, capsys, weight, message):
    """Before the first picture."""
    write(tmp_path / "data/rgba/studio/one.png", cut_out(0))
    arguments = ["pack", str(tmp_path / "data"), str(tmp_path / "pack"), "--workers", "0"]
    assert data.main([*arguments, "--weight", weight]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "pack").exists()


def test_check_ends_with_3_where_something_is_wrong(tmp_path, capsys):
    """One line per problem; 0 and a count when all is well."""
    write(tmp_path / "rgba/studio/one.png", cut_out(0))
    assert data.main(["check", str(tmp_path), "--workers", "0"]) == 0
    assert capsys.readouterr().out == "1 cutout\n"
    write(tmp_path / "fg/lonely.png", picture(2))
    assert data.main(["check", str(tmp_path), "--workers", "0"]) == 3
    captured = capsys.readouterr()
    assert "fg/lonely.png" in captured.out
    assert "shm-data: 1 problems" in captured.err


def test_label_tars_need_a_place(tmp_path, capsys):
    """Where to unpack them is not guessed."""
    assert data.main(["pack", str(tmp_path), str(tmp_path / "pack"), "--label-tars", "a.tar"]) == 1
    assert "without --labels" in capsys.readouterr().err


def test_a_pack_is_put_into_shards(pack, tmp_path, capsys):
    """Small as it is, one; training reads it as it reads the pack."""
    assert data.main(["shard", str(pack.folder), str(tmp_path / "shards")]) == 0
    assert capsys.readouterr().out.startswith("1 shards")
    assert Pack(tmp_path / "shards").samples == pack.samples

"""`shm-matte --runner ray` up to where Ray starts; tests/deploy/catalogue/test_ray.py has the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from shm_deploy.cli.matte import main


@pytest.mark.parametrize(
    "options",
    [
        ["--runner", "ray", "--trimap"],
        ["--runner", "ray", "--background", "white"],
        ["--runner", "ray", "--device", "cuda:1"],
        ["--runner", "ray", "--format", "jpg"],  # no alpha
        ["--runner", "spark"],
        ["--ray-address", "auto"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_before_ray_starts(options: list[str], photo: Path) -> None:
    """Nothing is written for it."""
    with pytest.raises(SystemExit) as stopped:
        main([str(photo), "-o", str(photo.parent / "out"), *options])
    assert stopped.value.code == 2
    assert not (photo.parent / "out").exists()


def test_missing_input_exits_1_before_ray_starts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its name."""
    assert main([str(tmp_path / "nowhere"), "-o", str(tmp_path / "out"), "--runner", "ray"]) == 1
    assert "nowhere does not exist" in capsys.readouterr().err

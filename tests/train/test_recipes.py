"""The recipes of the packaged weights, in miniature: every command fits the next one and the options of today."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from shm_train.checkpoint import load_checkpoint
from shm_train.networks import LiveConfig
from tests.train.test_init import efficientnet_lite0

RECIPES = Path(__file__).parents[2] / "recipes"
SMALL = "--workers 0 --threads 1 --set data.batch_size=2 --set num_validation=2 --set data.patches='(64,)'"
COMMANDS = {  # small canvases, and nothing exported, which tests of its own cover
    "shm-train": f"exec {sys.executable} -m shm_train.cli.train \"$@\" {SMALL} --set data.canvases='((64,96),)'",
    "shm-export": 'echo "$@"',
    "python": f'exec {sys.executable} "$@"',
}


@pytest.fixture
def environment(tmp_path):
    """With these commands in place of the installed ones, and a second of training for all runs together."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, line in COMMANDS.items():
        command = folder / name
        command.write_text(f"#!/bin/sh\n{line}\n")
        command.chmod(0o755)
    root = str(RECIPES.parent)
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHONPATH": root, "MINUTES": "0.02"}


@pytest.mark.slow
def test_the_recipe_of_the_packaged_weights_runs_to_its_end(pack, tmp_path, environment):
    """From the encoder's weights to a checkpoint at the sizes that ship, each run from the last one's."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "pack").symlink_to(pack.folder)
    torch.save(efficientnet_lite0(), tmp_path / "encoder.pth")
    arguments = ["data", "labels", str(tmp_path / "encoder.pth"), str(work)]
    ended = subprocess.run(
        ["sh", str(RECIPES / "live.sh"), *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert f"--ckpt {work}/live.pt" in ended.stdout
    config = load_checkpoint(work / "live.pt").config
    assert config == LiveConfig(tnet_edge=416, mnet_edge=512)


def test_pictures_with_nobody_in_them_come_from_their_repositories(tmp_path):
    """Each list's pictures, and no others, in a folder of its source, wherever they lie in the repository."""
    recipes, repository = tmp_path / "recipes", tmp_path / "mirror" / "owner+name" / "repo"
    (recipes / "nobody").mkdir(parents=True)
    shutil.copy(RECIPES / "nobody.sh", recipes)
    for name in ("a room/1_bed.jpg", "a room/2_bed.jpg", "cat/3.jpg", "dog/3.jpeg"):
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(name)
    git = ["git", "-C", str(repository), "-c", "user.name=test", "-c", "user.email=test@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "pictures"]):
        subprocess.run([*git, *arguments], check=True)
    (recipes / "nobody" / "rooms.txt").write_text("# owner/name HEAD\na room/1_bed.jpg\ncat/3.jpg\n")
    (recipes / "nobody" / "pets.txt").write_text("# owner/name HEAD\ndog/3.jpeg\ncat/3.jpg\n")
    subprocess.run(["sh", str(recipes / "nobody.sh"), str(tmp_path / "mirror"), str(tmp_path / "data")], check=True)
    found = {
        folder.name: {path.name: path.read_text() for path in folder.iterdir()}
        for folder in (tmp_path / "data" / "backgrounds").iterdir()
    }
    assert found == {
        "rooms": {"1_bed.jpg": "a room/1_bed.jpg", "3.jpg": "cat/3.jpg"},
        "pets": {
            "dog-3.jpeg": "dog/3.jpeg",
            "cat-3.jpg": "cat/3.jpg",
        },  # by their paths: names tell pictures apart, suffixes don't
    }


def test_every_list_of_pictures_says_where_they_come_from_and_names_none_twice():
    """Names tell pictures of a source apart, and they decide the split."""
    for path in sorted((RECIPES / "nobody").glob("*.txt")):
        first, *pictures = path.read_text().splitlines()
        assert re.fullmatch(r"# [\w.-]+/[\w.-]+ [0-9a-f]{40}", first), path
        names = [Path(picture).stem for picture in pictures]
        if len(set(names)) < len(names):  # then nobody.sh keeps the paths
            names = [str(Path(picture).with_suffix("")).replace("/", "-") for picture in pictures]
        assert len(set(names)) == len(names) > 0, path

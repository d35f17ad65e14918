"""The container file, as far as it can be checked without a container engine: it names what is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LINES = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text()).splitlines()


@pytest.fixture
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def words_after(instruction: str) -> list[list[str]]:
    """The arguments of every instruction of a kind."""
    return [shlex.split(line)[1:] for line in LINES if line.startswith(f"{instruction} ")]


def test_wheel_is_made_of_the_package_alone_and_of_all_of_it(project: dict[str, Any]) -> None:
    """What is copied is there, is let in by .dockerignore, and is everything that pyproject.toml builds from."""
    copied = {name for *names, _ in words_after("COPY") for name in names}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    texts = {project["project"]["readme"], *project["project"]["license-files"]}
    assert copied == let_in == {"pyproject.toml", *packages, *texts}
    assert all((ROOT / name).exists() for name in copied)


def test_extras_and_commands_exist(project: dict[str, Any]) -> None:
    """Of every target."""
    asked = [words[0].partition("=")[2] for words in words_after("ARG") if words[0].startswith("EXTRAS=")]
    assert {extra for extras in asked for extra in extras.split(",")} <= set(
        project["project"]["optional-dependencies"]
    )
    commands = {words[0].strip("[,") for words in words_after("CMD")}
    assert len(asked) == len(words_after("CMD")) == 2
    assert commands <= set(project["project"]["scripts"])


def test_nobody_is_root() -> None:
    """Each target ends as a user of its own."""
    stages = "\n".join(LINES).split("\nFROM ")[2:]  # behind the one that builds the wheel
    assert len(stages) == 2
    for stage in stages:
        (user,) = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)
        assert f"useradd --create-home --uid 10001 {user}" in stage

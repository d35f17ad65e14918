"""What `import shm_deploy` gives and costs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import shm_deploy

HEAVY = (
    "torch",
    "tensorrt",
    "tensorrt_rtx",
    "cv2",
    "onnxruntime",
    "openvino",
    "av",
    "PIL",
    "fastapi",
    "ray",
    "pyarrow",
    "numpy",
)


@pytest.mark.parametrize("name", shm_deploy.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """`__all__` is what can be imported."""
    assert getattr(shm_deploy, name).__name__ == name


def test_unknown_name_is_an_attribute_error() -> None:
    """As from any module."""
    with pytest.raises(AttributeError, match="no attribute 'Mater'"):
        shm_deploy.Mater  # noqa: B018


def test_import_brings_in_nothing_heavy() -> None:
    """An application pays for a runtime when it opens a model."""
    code = f"import sys, shm_deploy; assert not set({HEAVY!r}) & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_matter_itself_brings_in_numpy_only() -> None:
    """The class, before any model is opened."""
    code = f"import sys; from shm_deploy import Matter; assert not set({HEAVY[:-1]!r}) & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_base_has_no_runtime_and_extras_are_the_promised_ones() -> None:
    """Two wheels own the module `onnxruntime`, so neither may come uninvited; an extra that vanished breaks scripts."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    base = {re.split(r"[^\w.-]", requirement)[0] for requirement in project["dependencies"]}
    assert base == {"numpy", "opencv-python-headless", "pillow"}
    wanted = "cpu gpu export tensorrt rtx openvino train video serve ray quality dev"
    assert set(project["optional-dependencies"]) == set(wanted.split())


def test_types_come_with_the_package() -> None:
    """A type checker looks for this file."""
    assert (Path(shm_deploy.__file__).parent / "py.typed").is_file()

"""Installed packages, and those that get in each other's way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

PACKAGES = (
    "semantic-human-matting",
    "numpy",
    "pillow",
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "torch",
    "tensorrt",
    "tensorrt-rtx-cu12",
    "tensorrt-rtx-cu13",
    "cuda-bindings",
    "onnx",
    "av",
    "fastapi",
    "ray",
    "pymatting",
)

# Distributions that install files of one module over each other: whichever came last wins, and removing one of them
# breaks the others. The first of each is what this library asks for.
_ONE_MODULE = {
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-training"),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"),
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Something that is wrong, and the command or step that puts it right."""

    what: str
    fix: str


def installed_packages() -> dict[str, str]:
    """Name and version of every installed distribution, names in lower case with hyphens."""
    versions: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        # A half-removed package leaves a folder without a name behind.
        if name:
            versions.setdefault(name.lower().replace("_", "-"), distribution.version)
    return versions


def find_conflicts(installed: Mapping[str, str]) -> list[Problem]:
    """Distributions that overwrite each other's files.

    Args:
        installed: versions by name, as from `installed_packages`.
    """
    problems: list[Problem] = []
    for module, rivals in _ONE_MODULE.items():
        present = [name for name in rivals if name in installed]
        if len(present) < 2:
            continue
        # All of them have to go: the files that remain after removing one are a mixture.
        kept = "onnxruntime-gpu" if "onnxruntime-gpu" in present else present[0]
        problems.append(
            Problem(
                what=f"{' and '.join(present)} are installed together; both own the module {module}, and one of them "
                "runs with files of the other",
                fix=f"pip uninstall -y {' '.join(present)} && pip install {kept}",
            )
        )
    return problems

"""How to tell a joined graph from any other ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shm_deploy import spec
from shm_deploy.errors import ArtifactError

INPUTS = {spec.IMAGE: "uint8"}
OUTPUTS = {spec.ALPHA: "uint8", spec.TRIMAP: "uint8"}


def check_joined(model: Path, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """Compare names and dtypes with those of a joined graph.

    Raises:
        ArtifactError: they differ.
    """
    if dict(inputs) != INPUTS or dict(outputs) != OUTPUTS:
        raise ArtifactError(
            f"{model} takes {_text(inputs)} and gives {_text(outputs)}; wanted a joined graph that takes "
            f"{_text(INPUTS)} and gives {_text(OUTPUTS)}: give the shm.onnx that shm-export wrote"
        )


def _text(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({dtype})" for name, dtype in sorted(tensors.items()))

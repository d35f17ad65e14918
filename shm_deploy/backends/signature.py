"""The tensors of ONNX files by their names: a joined graph's, and those that pass between the parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm_deploy import spec
from shm_deploy.backends.protocol import Features, Segmented
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


def feature_names(names: Iterable[str]) -> list[str]:
    """Those of T-Net's features, coarsest first."""
    return sorted(name for name in names if name.startswith(spec.FEATURES))


def segmented(outputs: Mapping[str, NDArray[np.float32]]) -> Segmented:
    """What the graph of T-Net gave."""
    return Segmented(outputs[spec.TRIMAP], tuple(outputs[name] for name in feature_names(outputs)))


def mnet_feeds(
    image: NDArray[np.float32], trimap: NDArray[np.float32], features: Features
) -> dict[str, NDArray[np.float32]]:
    """What the graph of M-Net takes."""
    named = {f"{spec.FEATURES}{index}": map_ for index, map_ in enumerate(features)}
    return {spec.IMAGE: image, spec.TRIMAP: trimap, **named}


def _text(tensors: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({dtype})" for name, dtype in sorted(tensors.items()))

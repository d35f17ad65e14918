"""The models to compare, each as a function from a picture to its alpha."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shm_deploy.errors import ArtifactError, BackendUnavailable, SpecError
from shm_deploy.matter import Matter
from shm_deploy.metrics import unit_alpha

Model = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # (H, W, 3) RGB -> (H, W) in 0..1

PEERS_FILE = "peers.py"


def ours(matter: Matter) -> Model:
    """Our own, as an application gets it: 8 bits."""
    return lambda image: unit_alpha(matter(image))


def load_peers(folder: Path, names: Sequence[str]) -> dict[str, Model]:
    """Peers by name, out of the dictionary `MODELS` of `peers.py` in a folder.

    Raises:
        ArtifactError: there is no such file.
        SpecError: it has no peer of that name.
        BackendUnavailable: a package that it imports is not there.
    """
    file = folder / PEERS_FILE
    if not file.is_file():
        raise ArtifactError(
            f"no {file}: wanted is a module with MODELS, a dictionary of functions from (H, W, 3) uint8 RGB to "
            "float32 alpha; peers do not come with us"
        )
    found = importlib.util.spec_from_file_location("measured_peers", file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    try:
        found.loader.exec_module(module)
    except ImportError as error:
        raise BackendUnavailable(f"{file} needs a package: {error}; install it") from error
    unknown = [name for name in names if name not in module.MODELS]
    if unknown:
        raise SpecError(f"got {', '.join(unknown)}; {file} has {', '.join(module.MODELS)}")
    return {name: _peer(name, module.MODELS[name]) for name in names}


def weights_of(folder: Path, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The SHA-256 of each file that lies in a peer's own folder; a peer made of others has none."""
    return {
        name: {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((folder / name).glob("*"))
            if path.is_file()
        }
        for name in names
    }


def _peer(name: str, function: Model) -> Model:
    def run(image: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            return function(image)
        except ImportError as error:
            raise BackendUnavailable(f"{name} needs a package: {error}; install it, or leave the peer out") from error

    return run

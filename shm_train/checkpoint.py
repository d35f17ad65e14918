"""A checkpoint: one file with the variant, its config, the weights and, while training, the state to go on from."""

from __future__ import annotations

import os
import pickle
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shm_deploy.errors import ArtifactError, SpecError
from shm_train.networks import LiveConfig, NetworkConfig, PaperConfig, SemanticHumanMatting

SCHEMA_VERSION = 1
FORMAT = "semantic-human-matting"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a checkpoint file holds."""

    config: NetworkConfig
    weights: dict[str, Tensor]
    training: dict[str, Any] | None = None  # plain values and tensors only; None in a file that only serves

    def network(self) -> SemanticHumanMatting:
        """The network with these weights, float32, in evaluation mode."""
        network = SemanticHumanMatting(self.config)
        try:
            network.load_state_dict({name: _widen(tensor) for name, tensor in self.weights.items()})
        except RuntimeError as error:
            raise ArtifactError(
                f"the checkpoint's weights do not fit its {self.config.variant} config: {error}"
            ) from error
        return network.eval()

    def served_network(self) -> SemanticHumanMatting:
        """The same, to be exported or run in an application.

        Raises:
            SpecError: it is one of the paper's ablations or baselines, which runtimes don't know.
        """
        if self.config.method != "shm":
            raise SpecError(
                f"got a checkpoint by method {self.config.method}, an ablation; only shm is exported and served: "
                "judge this one with shm-eval"
            )
        return self.network()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write whole or not at all: beside, then renamed, so that the last good one survives a full disk."""
    record = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "config": asdict(checkpoint.config),
        "weights": checkpoint.weights,
        "training": checkpoint.training,
    }
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as stream:
            torch.save(record, stream)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint with `weights_only=True`: no code in the file runs.

    Raises:
        ArtifactError: it is missing, truncated, not a checkpoint of this library, or from a future version.
    """
    try:
        record = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ArtifactError(f"no checkpoint {path}: check the path, or train one with shm-train") from error
    except (pickle.UnpicklingError, zipfile.BadZipFile, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ArtifactError(
            f"{path} can't be read as a checkpoint: "
            f"it is truncated, or not written by this library ({_first_line(error)})"
        ) from error
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ArtifactError(
            f"{path} is a PyTorch file, but no checkpoint of this library; "
            "plain weights of an encoder go to shm-train --init"
        )
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ArtifactError(
            f"{path} has schema version {version!r}, this library reads {SCHEMA_VERSION}: "
            "install the version that wrote it"
        )
    return Checkpoint(config=_config(record["config"], path), weights=record["weights"], training=record["training"])


def _config(record: dict[str, Any], path: Path) -> NetworkConfig:
    kinds: dict[str, type[PaperConfig] | type[LiveConfig]] = {"paper": PaperConfig, "live": LiveConfig}
    kind = kinds.get(record.get("variant", ""))
    if kind is None:
        raise ArtifactError(f"{path} holds variant {record.get('variant')!r}; known are {sorted(kinds)}")
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in record.items()}
    try:
        return kind(**values)
    except (TypeError, SpecError) as error:
        raise ArtifactError(f"{path} has a {kind.__name__} that this version does not know: {error}") from error


def _widen(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

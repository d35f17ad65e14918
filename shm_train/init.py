"""Weights to start from: another run's, or the ImageNet files that people have, by their authors' parameter names."""

from __future__ import annotations

import json
import pickle
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shm_deploy.errors import ArtifactError
from shm_train.checkpoint import load_checkpoint
from shm_train.networks import SemanticHumanMatting
from shm_train.networks.live import EfficientNetLite0

Weights = dict[str, Tensor]
# What broken files raise, of either kind.
UNREADABLE = (pickle.UnpicklingError, OSError, RuntimeError, EOFError, ValueError, TypeError, KeyError, struct.error)
SAFETENSORS_DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


def load_encoder(network: SemanticHumanMatting, path: Path) -> str:
    """Put one file of ImageNet weights where it belongs; say where that was.

    Known are EfficientNet-Lite0 (the live T-Net), by the names of its PyTorch port and of timm, and, by those of
    torchvision and timm, ResNet-50 (the paper's T-Net) and VGG-16 with batch norm (the paper's M-Net; what reads the
    trimap starts at zero). As `.pth` or `.safetensors`; a state dict may lie under `state_dict`.

    Raises:
        ArtifactError: unreadable, or none of the three, or not one for this network.
    """
    weights = _read(path)
    if "_conv_stem.weight" in weights:
        part, converted = "tnet", _efficientnet(weights)
    elif "conv_stem.weight" in weights:
        part, converted = "tnet", _timm_efficientnet(weights)
    elif "layer1.0.conv1.weight" in weights:
        part, converted = "tnet", {name: value for name, value in weights.items() if not name.startswith("fc.")}
    elif "features.0.weight" in weights:
        part, converted = "mnet", {name: value for name, value in weights.items() if name.startswith("features.")}
    else:
        raise ArtifactError(
            f"{path} holds {sorted(weights)[:3]}...; "
            "wanted are ImageNet weights of EfficientNet-Lite0, ResNet-50 or VGG-16-BN"
        )
    encoder = getattr(network.get_submodule(part), "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise ArtifactError(f"{path} is for another network: {network.config.variant} has no {part}.encoder")
    wanted = encoder.state_dict()
    if part == "mnet":
        converted = _widened(converted, wanted)
    for name, value in wanted.items():  # files from before PyTorch 0.4.1 count no batches
        if name.endswith("num_batches_tracked"):
            converted.setdefault(name, torch.zeros_like(value))
    _check_fit(converted, wanted, f"{path} does not fit {network.config.variant}'s {part}.encoder")
    encoder.load_state_dict(converted)
    return f"{part}.encoder"


def take_weights(network: SemanticHumanMatting, path: Path) -> list[str]:
    """Start from a checkpoint of the same network; say which parts came from there.

    The two may differ in their method, as ablations do: then T-Net comes, and M-Net where it is the same.

    Raises:
        ArtifactError: unreadable, or a checkpoint of another network.
    """
    start = load_checkpoint(path)
    if replace(start.config, method=network.config.method) != network.config:
        raise ArtifactError(f"{path} holds {start.config}; this run wants {network.config}")
    there = start.network()
    parts = {"tnet": (network.tnet, there.tnet), "mnet": (network.mnet, there.mnet)}
    taken = [name for name, (here, other) in parts.items() if _shapes(here) == _shapes(other)]
    for name in taken:
        here, other = parts[name]
        here.load_state_dict(other.state_dict())
    return taken


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in module.state_dict().items()}


def _check_fit(weights: Weights, wanted: Weights, complaint: str) -> None:
    """Compare names and shapes; a few examples of what is wrong say more than all of them."""
    missing = [name for name in wanted if name not in weights]
    unknown = [name for name in weights if name not in wanted]
    reshaped = [name for name in wanted if name in weights and weights[name].shape != wanted[name].shape]
    for names, what in ((missing, "lacks"), (unknown, "has unknown"), (reshaped, "has other shapes of")):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ArtifactError(f"{complaint}: it {what} {', '.join(names[:3])}{more}; give that network's own file")


def _read(path: Path) -> Weights:
    try:
        record = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    except FileNotFoundError as error:
        raise ArtifactError(f"no weights {path}: check the path") from error
    except UNREADABLE as error:
        raise ArtifactError(f"{path} can't be read as weights: {error}") from error
    if not isinstance(record, dict) or not all(isinstance(value, Tensor) for value in record.values()):
        raise ArtifactError(f"{path} is no plain state dict; save `model.state_dict()` and give that file")
    return record


def _read_pickle(path: Path) -> Any:
    record = torch.load(path, map_location="cpu", weights_only=True)
    return record["state_dict"] if isinstance(record, dict) and "state_dict" in record else record


def _read_safetensors(path: Path) -> Weights:
    """The format is a length, a JSON header of that length, and the bytes that it names."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    weights = {}
    for name, entry in header.items():
        first, last = (8 + length + offset for offset in entry["data_offsets"])
        flat = torch.frombuffer(bytearray(data[first:last]), dtype=SAFETENSORS_DTYPES[entry["dtype"]])
        weights[name] = flat.reshape(entry["shape"])
    return weights


def _efficientnet(weights: Weights) -> Weights:
    """Blocks are counted through in their file and by stage in ours."""
    stages = [
        (stage, block) for stage, (*_, repeats) in enumerate(EfficientNetLite0.STAGES) for block in range(repeats)
    ]
    strides = [stage[1] for stage in EfficientNetLite0.STAGES]
    parts = {
        "_expand_conv": ("expand", 0), "_bn0": ("expand", 1),
        "_depthwise_conv": ("depthwise", 0), "_bn1": ("depthwise", 1),
        "_project_conv": ("project", 0), "_bn2": ("project", 1),
    }  # fmt: skip
    converted = {}
    for name, value in weights.items():
        if match := re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name):
            index, layer, field = int(match[1]), match[2], match[3]
            if index >= len(stages) or layer not in parts:  # another EfficientNet: left for the caller to complain of
                converted[name] = value
                continue
            stage, block = stages[index]
            part, offset = parts[layer]
            padded = part == "depthwise" and block == 0 and strides[stage] > 1  # a padding comes before
            converted[f"stages.{stage}.{block}.{part}.{offset + padded}.{field}"] = value
        elif match := re.fullmatch(r"(_conv_stem|_bn0)\.(\w+)", name):
            converted[f"stem.{1 if match[1] == '_conv_stem' else 2}.{match[2]}"] = value
    return converted


def _timm_efficientnet(weights: Weights) -> Weights:
    """timm's blocks lie in stages as ours do; the first stage, which does not expand, has layer names of its own."""
    parts = {
        "conv_pw": ("expand", 0), "bn1": ("expand", 1),
        "conv_dw": ("depthwise", 0), "bn2": ("depthwise", 1),
        "conv_pwl": ("project", 0), "bn3": ("project", 1),
    }  # fmt: skip
    first_parts = {
        "conv_dw": ("depthwise", 0), "bn1": ("depthwise", 1), "conv_pw": ("project", 0), "bn2": ("project", 1)
    }  # fmt: skip
    strides = [stage[1] for stage in EfficientNetLite0.STAGES]
    converted = {}
    for name, value in weights.items():
        if match := re.fullmatch(r"blocks\.(\d+)\.(\d+)\.(\w+)\.(\w+)", name):
            stage, block, layer, field = int(match[1]), int(match[2]), match[3], match[4]
            names = first_parts if stage == 0 else parts
            if stage >= len(strides) or layer not in names:  # another EfficientNet: left for the caller to complain of
                converted[name] = value
                continue
            part, offset = names[layer]
            padded = part == "depthwise" and block == 0 and strides[stage] > 1
            converted[f"stages.{stage}.{block}.{part}.{offset + padded}.{field}"] = value
        elif match := re.fullmatch(r"(conv_stem|bn1)\.(\w+)", name):
            converted[f"stem.{1 if match[1] == 'conv_stem' else 2}.{match[2]}"] = value
    return converted


def _widened(weights: Weights, wanted: Weights) -> Weights:
    """VGG's first convolution with more input channels, which start at zero."""
    first = weights["features.0.weight"]  # (64, 3, 3, 3)
    num_new = wanted["features.0.weight"].shape[1] - first.shape[1]
    return weights | {"features.0.weight": torch.cat([first, first.new_zeros(first.shape[0], num_new, 3, 3)], dim=1)}

"""The networks: `paper` as published, `live` for CPUs; one class, one code path."""

from shm_train.networks.config import LiveConfig, NetworkConfig, PaperConfig
from shm_train.networks.fusion import Fusion
from shm_train.networks.shm import FrameEntry, FrameExit, FrameGraph, Matting, SemanticHumanMatting

__all__ = [
    "FrameEntry",
    "FrameExit",
    "FrameGraph",
    "Fusion",
    "LiveConfig",
    "Matting",
    "NetworkConfig",
    "PaperConfig",
    "SemanticHumanMatting",
]

"""Every number of a training run, in one value that is saved with the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from shm_deploy.errors import SpecError
from shm_train.data.dataset import DataConfig
from shm_train.networks import LiveConfig, NetworkConfig


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the losses. The paper's are gamma 0.5, lambda 0.01 and no known-region term."""

    gamma: float = 0.5  # Eq. 5
    trimap: float = 0.3  # lambda of Eq. 6 at the start ...
    trimap_end: float = 0.05  # ... and at the end, falling linearly
    known_region: float = 1.0


@dataclass(frozen=True, kw_only=True)
class EndToEndConfig:
    """One end-to-end run. Give `steps` or `minutes`; only a run by steps resumes to bit-equal weights."""

    network: NetworkConfig = field(default_factory=LiveConfig)
    data: DataConfig = field(default_factory=DataConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    steps: int | None = None
    minutes: float | None = None
    rate: float = 1e-3  # of new layers
    encoder_rate: float = 3e-4  # of pre-trained encoders
    weight_decay: float = 1e-2
    warmup_steps: int = 100
    clip_norm: float = 5.0  # of the gradient
    ema_decay: float = 0.998
    precision: Literal["fp32", "bf16"] = "bf16"
    validate_every: int = 500  # [steps]
    save_every: int = 250  # [steps]
    log_every: int = 20  # [steps]
    num_validation: int = 120  # examples

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise SpecError(f"got steps {self.steps} and minutes {self.minutes}; give exactly one of them")
        if self.precision not in ("fp32", "bf16"):
            raise SpecError(f"got precision {self.precision!r}; fp32 or bf16 is wanted")
        for name in ("validate_every", "save_every", "log_every", "num_validation"):
            if getattr(self, name) < 1:
                raise SpecError(f"got {name} {getattr(self, name)}; at least 1 is wanted")

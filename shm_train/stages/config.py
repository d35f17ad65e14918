"""Every number of a training run, in one value that is saved with the checkpoint."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, get_args

import torch

from shm_deploy.errors import SpecError
from shm_train.data.augment import UNCHANGED, AugmentConfig
from shm_train.data.dataset import DataConfig, MixConfig
from shm_train.networks import LiveConfig, NetworkConfig, PaperConfig
from shm_train.networks.config import TNET_ALONE, Variant
from shm_train.schedule import Schedule

Precision = Literal["fp32", "bf16", "fp16"]
Trimaps = Literal["true", "tnet"]


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Weights of the losses."""

    gamma: float = 0.5  # Eq. 5
    trimap: float = 0.3  # lambda of Eq. 6 at the start ...
    trimap_end: float = 0.05  # ... and at the end, changing linearly
    known_region: float = 1.0  # of `known_region_loss`, which is ours
    raw: float = 0.0  # these three as in `MNetLossConfig`
    gradient: float = 0.0
    coarse: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1:
            raise SpecError(f"got gamma {self.gamma}; a share in 0..1 is wanted")
        if min(self.trimap, self.trimap_end, self.known_region, self.raw, self.gradient, self.coarse) < 0:
            raise SpecError(f"got {self}; weights must not be negative")


@dataclass(frozen=True, kw_only=True)
class MNetLossConfig:
    """Weights of the losses that M-Net alone minimises."""

    gamma: float = 0.5  # Eq. 5
    raw: float = 1.0  # of L_p on raw alpha, where the trimap that M-Net gets, or the true one, is unknown
    gradient: float = 0.5  # of `gradient_loss` on alpha, there too
    coarse: float = 0.0  # of `live`'s coarse alpha, above all there

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1:
            raise SpecError(f"got gamma {self.gamma}; a share in 0..1 is wanted")
        if min(self.raw, self.gradient, self.coarse) < 0:
            raise SpecError(f"got {self}; weights must not be negative")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run of any stage, but for how long it goes."""

    network: NetworkConfig = field(default_factory=LiveConfig)
    data: DataConfig = field(default_factory=DataConfig)
    rate: float = 1e-3  # of what is not named otherwise
    schedule: Schedule = "cosine"
    final_rate: float = 0.01  # share of the rates that is left at the end
    warmup_steps: int = 100
    weight_decay: float = 1e-2  # of AdamW, which without it is Adam
    clip_norm: float = 5.0  # of the gradient; infinity does not clip
    ema_decay: float = 0.998  # of the averaged weights; 0 averages nothing
    ema_power: float = 8.0  # of a step's weight in them, until `ema_decay` makes the mean narrower
    precision: Precision = "fp32"  # of the forward pass; weights and optimiser stay float32
    accumulate: int = 1  # parts of a batch, one after the other, whose gradients are summed: for less memory
    freeze_norms: bool = False  # batch norms keep their statistics: for batches too small to estimate them
    frozen: tuple[str, ...] = ()  # beginnings of names of parameters that don't learn, such as "tnet.encoder.stem"
    channels_last: bool = True
    compile: bool = False  # by torch.compile
    validate_every: int = 500  # [steps]
    save_every: int = 250  # [steps]
    log_every: int = 20  # [steps]
    num_validation: int = 120  # examples

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise SpecError(f"got precision {self.precision!r}; fp32, bf16 or fp16 is wanted")
        if self.schedule not in get_args(Schedule):
            raise SpecError(f"got schedule {self.schedule!r}; {', '.join(get_args(Schedule))} are known")
        if self.accumulate < 1 or self.data.batch_size % self.accumulate:
            raise SpecError(
                f"got accumulate {self.accumulate}; a divisor of the batch of {self.data.batch_size} is wanted"
            )
        for name in ("rate", "clip_norm"):
            if not getattr(self, name) > 0:
                raise SpecError(f"got {name} {getattr(self, name)}; a positive number is wanted")
        for name in ("final_rate", "ema_decay"):
            if not 0 <= getattr(self, name) <= 1:
                raise SpecError(f"got {name} {getattr(self, name)}; a share in 0..1 is wanted")
        if not 0 <= self.ema_power < math.inf:
            raise SpecError(f"got ema_power {self.ema_power}; a number from 0 is wanted")
        for name in ("validate_every", "save_every", "log_every", "num_validation"):
            if getattr(self, name) < 1:
                raise SpecError(f"got {name} {getattr(self, name)}; at least 1 is wanted")

    @property
    def autocast_dtype(self) -> torch.dtype:
        """Of the forward pass, where `precision` is not fp32."""
        return torch.float16 if self.precision == "fp16" else torch.bfloat16


@dataclass(frozen=True, kw_only=True)
class TNetConfig(RunConfig):
    """One run of T-Net alone; what it learns follows from the network's method."""

    encoder_rate: float = 3e-4  # of pre-trained encoders

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_encoder_rate(self.encoder_rate)


@dataclass(frozen=True, kw_only=True)
class MNetConfig(RunConfig):
    """One run of M-Net alone."""

    loss: MNetLossConfig = field(default_factory=MNetLossConfig)
    trimaps: Trimaps = "true"  # those that M-Net gets: true ones of random width, or what T-Net gives
    patches_per_canvas: int = 4  # 0: M-Net sees whole canvases, as it will see frames

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.trimaps not in get_args(Trimaps):
            raise SpecError(f"got trimaps {self.trimaps!r}; true or tnet is wanted")
        if self.network.method in TNET_ALONE:
            raise SpecError(f"got method {self.network.method}; it has no M-Net to train: use shm-train tnet")
        _check_patches(self.patches_per_canvas)


@dataclass(frozen=True, kw_only=True)
class EndToEndConfig(RunConfig):
    """One end-to-end run."""

    loss: LossConfig = field(default_factory=LossConfig)
    encoder_rate: float = 3e-4  # of pre-trained encoders
    decoder_share: float = 1.0  # of `rate`, for the rest of T-Net
    patches_per_canvas: int = 1  # 0: M-Net sees whole canvases

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_encoder_rate(self.encoder_rate)
        if not self.decoder_share > 0:
            raise SpecError(f"got decoder_share {self.decoder_share}; a positive number is wanted")
        _check_patches(self.patches_per_canvas)
        if self.network.method not in ("shm", "no_fusion"):
            raise SpecError(f"got method {self.network.method}; it can't be trained end to end, only shm and no_fusion")


def _check_encoder_rate(rate: float) -> None:
    if not rate > 0:
        raise SpecError(f"got encoder_rate {rate}; a positive number is wanted")


def _check_patches(count: int) -> None:
    if count < 0:
        raise SpecError(f"got patches_per_canvas {count}; at least 1, or 0 for whole canvases, is wanted")


# Photographs bring noise and light of their own. With `AugmentConfig`'s changes, several runs made the network better
# on pictures that are changed like that, and worse on pictures as they are.
LIVE_AUGMENT = AugmentConfig(
    aspect=(0.9, 1.1),
    crop=(0.5, 1.0),
    max_enlargement=1.5,
    rotation=6.0,
    figure=(0.5, 1.6),
    blurred_background=0.2,
    gain=(0.85, 1.2),
    gamma=(0.85, 1.2),
    colour=(0.95, 1.05),
    contrast=(0.9, 1.1),
    offset=3.0,
    low_light=0.03,
    grey=0.02,
    noise=0.1,
    blur=0.03,
    jpeg=0.2,
)

# A narrow unknown region is what makes tiles pay. Much of what a small T-Net takes for a person is an animal or a thing
# on other grounds, so it sees many grounds, with and without a person.
LIVE_DATA = DataConfig(
    patches=(320,),
    patch_size=320,
    unknown_radius=0.012,
    mix=MixConfig(cutout=0.36, photo=0.23, recomposed=0.20, mask=0.08, nobody=0.13),
    augment=LIVE_AUGMENT,
)

LIVE_TNET = TNetConfig(data=LIVE_DATA)

# Mostly exact alphas: what M-Net has to learn is hair, and teachers' mattes are blurred there. T-Net's own trimaps,
# because a small T-Net errs in ways that no dilation imitates, and the small M-Net has to live with them. Whole
# canvases: patches that hold all edges overlap so much that they took longer, and hid what M-Net sees around them in
# use.
LIVE_MNET = MNetConfig(
    data=replace(LIVE_DATA, batch_size=4, mix=MixConfig(cutout=0.5, photo=0.2, recomposed=0.2, mask=0.0, nobody=0.1)),
    loss=MNetLossConfig(coarse=1.0),
    trimaps="tnet",
    patches_per_canvas=0,
    rate=1e-3,
    warmup_steps=50,
    ema_decay=0.995,
)

LIVE_E2E = EndToEndConfig(data=LIVE_DATA, loss=LossConfig(raw=0.1, gradient=0.1, coarse=0.1), patches_per_canvas=0)

# Chen et al. 2018, sections 4.5 and 5.1: composites only, flipped and else left as they are; T-Net sees the 800 crop,
# M-Net patches of it at 320; Adam at 1e-5 throughout. An 800 px crop of a composite is a figure placed at random here.
PAPER_AUGMENT = replace(UNCHANGED, flip=0.5, crop=AugmentConfig.crop)
PAPER_E2E = EndToEndConfig(
    network=PaperConfig(),
    data=DataConfig(
        batch_size=10,
        canvases=((800, 800),),
        patches=(320, 480, 640),
        patch_size=320,
        mix=MixConfig(cutout=0.5, photo=0.0, recomposed=0.5, mask=0.0, nobody=0.0),
        augment=PAPER_AUGMENT,
    ),
    loss=LossConfig(trimap=0.01, trimap_end=0.01, known_region=0.0),
    rate=1e-5,
    encoder_rate=1e-5,
    final_rate=1.0,
    warmup_steps=0,
    weight_decay=0.0,
    clip_norm=math.inf,
    ema_decay=0.0,
)

# Section 4.5, first stage: crops at 400, turned and flipped; L_t. The paper says neither batch nor rate: PSPNet's way
# down, from rates that suit Adam, new layers ten times as fast as the pre-trained encoder.
PAPER_TNET = TNetConfig(
    network=PaperConfig(),
    data=replace(PAPER_E2E.data, canvases=((400, 400),), patches=(320,), augment=replace(PAPER_AUGMENT, rotation=12.0)),
    rate=1e-4,
    encoder_rate=1e-5,
    schedule="poly",
    final_rate=0.0,
    warmup_steps=0,
    weight_decay=0.0,
    clip_norm=math.inf,
    ema_decay=0.0,
)

# Section 4.5, second stage: crops at 320 with true trimaps, dilated and eroded at random; L_p over the whole crop. The
# crops are one patch of the 800 px canvas each; batch and rate, which the paper does not say, are the third stage's.
PAPER_MNET = MNetConfig(
    network=PaperConfig(),
    data=PAPER_E2E.data,
    loss=MNetLossConfig(raw=0.0, gradient=0.0),
    trimaps="true",
    patches_per_canvas=1,
    rate=1e-5,
    final_rate=1.0,
    warmup_steps=0,
    weight_decay=0.0,
    clip_norm=math.inf,
    ema_decay=0.0,
)


class Recipes(NamedTuple):
    """What the stages of one variant are trained with, unless something else is asked for."""

    tnet: TNetConfig
    mnet: MNetConfig
    e2e: EndToEndConfig


RECIPES: dict[Variant, Recipes] = {
    "live": Recipes(LIVE_TNET, LIVE_MNET, LIVE_E2E),
    "paper": Recipes(PAPER_TNET, PAPER_MNET, PAPER_E2E),
}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long a run goes: until a step, or for a time. Only a run by steps resumes to bit-equal weights."""

    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise SpecError(f"got steps {self.steps} and minutes {self.minutes}; give exactly one of them")
        if self.steps is not None and self.steps < 1:
            raise SpecError(f"got {self.steps} steps; at least 1 is wanted")
        if self.minutes is not None and not self.minutes > 0:
            raise SpecError(f"got {self.minutes} minutes; a positive number is wanted")

    def progress(self, step: int, seconds: float) -> float:
        """Share that is spent after so many steps and seconds; 1 or more at the end."""
        if self.steps is not None:
            return step / self.steps
        assert self.minutes is not None
        return seconds / (60 * self.minutes)

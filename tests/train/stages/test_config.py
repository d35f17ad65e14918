"""Configs: the paper's numbers, budgets, and changes by dotted names."""

import math

import pytest

from shm_deploy.errors import SpecError
from shm_train.data.augment import UNCHANGED
from shm_train.networks import LiveConfig, PaperConfig
from shm_train.stages.config import (
    LIVE_E2E,
    PAPER_E2E,
    PAPER_MNET,
    PAPER_TNET,
    Budget,
    EndToEndConfig,
    LossConfig,
    MNetConfig,
    MNetLossConfig,
    TNetConfig,
)
from shm_train.stages.override import override, parse_setting


def test_the_papers_numbers_are_the_papers():
    """Sections 4.4, 4.5 and 5.1."""
    assert PAPER_E2E.network == PaperConfig()
    assert PAPER_E2E.data.canvases == ((800, 800),)
    assert PAPER_E2E.data.patches == (320, 480, 640)
    assert PAPER_E2E.data.patch_size == 320
    assert PAPER_E2E.data.batch_size == 10
    assert PAPER_E2E.data.augment.flip == 0.5
    assert PAPER_E2E.rate == PAPER_E2E.encoder_rate == 1e-5
    assert PAPER_E2E.weight_decay == 0  # AdamW is Adam
    assert PAPER_E2E.loss == LossConfig(gamma=0.5, trimap=0.01, trimap_end=0.01, known_region=0)
    assert (PAPER_E2E.final_rate, PAPER_E2E.warmup_steps) == (1, 0)  # 1e-5 throughout
    assert (PAPER_E2E.ema_decay, PAPER_E2E.clip_norm) == (0, math.inf)  # neither is the paper's
    changed = {name for name, value in vars(PAPER_E2E.data.augment).items() if value != getattr(UNCHANGED, name)}
    assert changed == {"flip", "crop"}


def test_the_papers_first_two_stages_are_the_papers():
    """Section 4.5: T-Net at 400 with rotation and flip; M-Net at 320 on true trimaps, and nothing but L_p."""
    assert PAPER_TNET.data.canvases == ((400, 400),)
    assert PAPER_TNET.data.augment.flip == 0.5
    assert PAPER_TNET.data.augment.rotation > 0
    assert PAPER_MNET.trimaps == "true"
    assert PAPER_MNET.data.patch_size == 320
    assert PAPER_MNET.loss == MNetLossConfig(gamma=0.5, raw=0, gradient=0)
    assert PAPER_TNET.network == PAPER_MNET.network == PaperConfig()


@pytest.mark.parametrize("values", [{}, {"steps": 5, "minutes": 1.0}, {"steps": 0}, {"minutes": math.nan}], ids=str)
def test_a_budget_is_steps_or_minutes(values):
    """Exactly one of them, and more than nothing."""
    with pytest.raises(SpecError):
        Budget(**values)


def test_progress_is_the_share_of_the_budget():
    """Half of ten steps; a quarter of two minutes."""
    assert Budget(steps=10).progress(5, 1000) == 0.5
    assert Budget(minutes=2).progress(5, 30) == 0.25


def test_settings_change_single_numbers():
    """By dotted names; whole numbers where fractions are wanted are fine, and what is not named stays."""
    settings = [
        parse_setting(text) for text in ("rate=1", "data.augment.flip=0", "data.patches=(64,)", "precision=bf16")
    ]
    config = override(LIVE_E2E, settings)
    assert (config.rate, config.data.augment.flip, config.data.patches, config.precision) == (1.0, 0.0, (64,), "bf16")
    assert config.data.batch_size == LIVE_E2E.data.batch_size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("data.flop=1", "known are batch_size, canvases"),
        ("data.batch_size=2.5", "int is wanted"),
        ("rate=fast", "float is wanted"),
        ("data=3", "data is a group"),
        ("rate.x=3", "rate is a single value"),
        ("precision=fp8", "fp32, bf16 or fp16"),
        ("data.batch_size=0", "at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(text, message):
    """Unknown names, other types, and values that the config itself refuses."""
    with pytest.raises(SpecError, match=message):
        override(LIVE_E2E, [parse_setting(text)])


def test_settings_need_fit_together_only_at_the_end():
    """A canvas smaller than the present patch comes before the smaller patch."""
    texts = ("data.canvases=((64, 64),)", "data.patches=(64,)")
    assert override(LIVE_E2E, map(parse_setting, texts)).data.canvases == ((64, 64),)


def test_a_setting_without_a_value_is_refused():
    """NAME=VALUE is what is wanted."""
    with pytest.raises(SpecError, match="NAME=VALUE"):
        parse_setting("rate")


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 0},
        {"clip_norm": math.nan},
        {"ema_decay": 1.5},
        {"ema_power": -1},
        {"ema_power": math.nan},
        {"log_every": 0},
        {"final_rate": -1},
        {"encoder_rate": 0},
        {"decoder_share": 0},
        {"patches_per_canvas": -1},
        {"schedule": "steps"},
        {"accumulate": 0},
    ],
    ids=str,
)
def test_impossible_configs_are_refused(values):
    """Each by its name."""
    with pytest.raises(SpecError, match=next(iter(values))):
        EndToEndConfig(**values)


@pytest.mark.parametrize(
    ("config", "values"),
    [(MNetConfig, {"patches_per_canvas": -1}), (MNetConfig, {"rate": 0}), (MNetLossConfig, {"gamma": 2})],
    ids=["patches", "rate", "gamma"],
)
def test_impossible_configs_of_mnet_alone_are_refused(config, values):
    """Its own numbers and those of every run."""
    with pytest.raises(SpecError, match=next(iter(values))):
        config(**values)


@pytest.mark.parametrize(
    ("config", "method"), [(MNetConfig, "regression"), (EndToEndConfig, "dim"), (EndToEndConfig, "segmentation")]
)
def test_a_stage_refuses_methods_that_it_can_not_train(config, method):
    """T-Net alone has no M-Net; hard trimaps have no gradient."""
    with pytest.raises(SpecError, match=f"method {method}"):
        config(network=LiveConfig(method=method))
    TNetConfig(network=LiveConfig(method=method))

"""A pack of drawn pictures, and a config small enough to train in seconds."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch

from shm_train.data.augment import AugmentConfig
from shm_train.data.dataset import DataConfig
from shm_train.data.samples import Kind, Pack, Sample, write_index
from shm_train.data.stores import SAMPLES_FOLDER
from shm_train.networks import LiveConfig
from shm_train.stages.config import LIVE_E2E, EndToEndConfig

SIDE = 96  # of the drawn pictures [px]
TINY_NETWORK = LiveConfig(tnet_edge=64, tnet_width=4, mnet_widths=(4, 4, 4))
TINY_DATA = DataConfig(batch_size=2, canvases=((64, 64), (64, 96)), patches=(48,), patch_size=48)
NO_CAMERA = AugmentConfig(noise=0, blur=0, jpeg=0)


def load_recipe(path: Path) -> ModuleType:
    """A recipe, which lies in no package, as a module."""
    found = importlib.util.spec_from_file_location(f"{path.stem}_recipe", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Sums in one order, and the other core left alone."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Two people of each kind and three backgrounds on each side of the split."""
    return drawn_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def tiny_config() -> EndToEndConfig:
    """The live recipe on a tiny network and canvas."""
    return replace(
        LIVE_E2E,
        network=TINY_NETWORK,
        data=TINY_DATA,
        warmup_steps=2,
        num_validation=4,
        validate_every=100,
        log_every=1,
    )


def drawn_pack(folder: Path) -> Pack:
    """Write a pack of ellipses over gradients."""
    (folder / SAMPLES_FOLDER).mkdir(parents=True)
    samples = []
    counts: dict[Kind, int] = {"cutout": 2, "photo": 2, "mask": 2, "background": 3}
    for kind, count in counts.items():
        for number in range(2 * count):
            sample = Sample(
                key=f"{kind}{number}", source="drawn", kind=kind, group=f"{kind}{number}", held_out=number >= count
            )
            samples.append(sample)
            _draw(folder / SAMPLES_FOLDER / sample.key, kind, np.random.default_rng([len(samples)]))
    write_index(folder, samples)
    return Pack(folder)


def soft_ellipse(rng: np.random.Generator) -> np.ndarray:
    """(SIDE, SIDE) uint8: opaque inside, clear outside, soft in between."""
    alpha = np.zeros((SIDE, SIDE), np.uint8)
    axes = (int(rng.integers(12, 24)), int(rng.integers(18, 32)))
    cv2.ellipse(alpha, (SIDE // 2, SIDE // 2), axes, float(rng.uniform(-30, 30)), 0, 360, 255, -1)
    return cv2.GaussianBlur(alpha, (0, 0), 2)


def _draw(stem: Path, kind: Kind, rng: np.random.Generator) -> None:
    picture = cv2.resize(rng.integers(0, 256, (4, 4, 3), np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(f"{stem}.jpg", picture)
    if kind == "background":
        return
    alpha = soft_ellipse(rng)
    if kind == "photo":
        cv2.imwrite(f"{stem}.fg.jpg", 255 - picture)
    if kind == "mask":
        soft = (alpha > 0) & (alpha < 255)
        cv2.imwrite(f"{stem}.sure.png", np.where(soft, 0, 255).astype(np.uint8))
        alpha = np.where(alpha > 127, 255, 0).astype(np.uint8)
    cv2.imwrite(f"{stem}.png", alpha)

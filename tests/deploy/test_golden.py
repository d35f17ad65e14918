"""The golden image runs when a model is opened."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from shm_deploy.backends import BackendName
from shm_deploy.errors import ArtifactError
from shm_deploy.golden import check_golden
from shm_deploy.matter import Matter
from shm_deploy.sidecar import sidecar_path, write_sidecar
from tests.deploy.fakes import FakeBackend
from tests.deploy.sidecars import golden_of, sidecar_of


@pytest.fixture
def image() -> NDArray[np.uint8]:
    """Channels that can't be taken for each other."""
    return np.random.default_rng(3).integers(0, 256, (64, 96, 3), np.uint8)


def test_right_alpha_passes(image: NDArray[np.uint8]) -> None:
    """The fake gives the red channel."""
    check_golden(golden_of(image, image[..., 0]), FakeBackend())


def test_single_bytes_of_rounding_pass(image: NDArray[np.uint8]) -> None:
    """One pixel in fifty is off by one: mean 0.02/255, p99.9 1/255."""
    alpha = image[..., 0].copy()
    alpha.flat[::50] ^= 1
    check_golden(golden_of(image, alpha), FakeBackend())


def test_swapped_channels_are_caught(image: NDArray[np.uint8]) -> None:
    """The message has both figures and their bounds."""
    with pytest.raises(ArtifactError, match=r"different on cpu with fake: mean .* p99\.9 .* allowed"):
        check_golden(golden_of(image, image[..., 2]), FakeBackend())


@pytest.mark.parametrize("text", ["AAAA", "", "A", "Ä"], ids=["no PNG", "empty", "cut off", "no base64"])
def test_unreadable_golden_image_is_named(text: str, image: NDArray[np.uint8]) -> None:
    """Not a native error of the decoder."""
    golden = replace(golden_of(image, image[..., 0]), alpha_png=text)
    with pytest.raises(ArtifactError, match="no readable PNG"):
        check_golden(golden, FakeBackend())


def test_model_is_checked_when_it_is_opened(tiny_model: Path, tmp_path: Path, image: NDArray[np.uint8]) -> None:
    """`info` says so; a wrong one does not open."""
    shutil.copytree(tiny_model.parent, tmp_path, dirs_exist_ok=True)
    model = tmp_path / tiny_model.name
    write_sidecar(sidecar_path(model), sidecar_of(model, golden=golden_of(image, image[..., 0])))
    with Matter(model) as matter:
        assert matter.info().golden_checked
        assert matter.info().variant == "live"
    write_sidecar(sidecar_path(model), sidecar_of(model, golden=golden_of(image, image[..., 1])))
    with pytest.raises(ArtifactError, match="golden image came out different"):
        Matter(model)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_live_network_passes_its_golden_image(backend: BackendName, live_folder: Path) -> None:
    """The alpha in the sidecar is PyTorch's."""
    with Matter(live_folder / "shm.onnx", "cpu", backend=backend) as matter:
        assert matter.info().golden_checked

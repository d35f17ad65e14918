"""The small picture in the sidecar."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from shm_deploy import spec
from shm_deploy.export.golden import golden_image, golden_input
from shm_deploy.sidecar import text_to_png


def test_golden_input_is_small() -> None:
    """A model must be tested in milliseconds."""
    assert golden_input(np.zeros((400, 300, 3), np.uint8), (64, 64)).shape == (128, 160, 3)


def test_golden_input_is_no_smaller_than_the_engine_takes() -> None:
    """An engine from 512x200 on gets a picture that it can run."""
    assert golden_input(np.zeros((400, 300, 3), np.uint8), (200, 512)).shape == (200, 512, 3)


def test_golden_pictures_are_stored_without_loss() -> None:
    """PNG in base64 gives every byte back."""
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (8, 9, 3), np.uint8)
    alpha = generator.integers(0, 256, (8, 9), np.uint8)
    golden = golden_image(image, alpha, spec.BACKENDS_FP32["live"])
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(text_to_png(golden.image_png)))), image)
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(text_to_png(golden.alpha_png)))), alpha)

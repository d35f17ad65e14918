"""Ways as backends, and refusals in their own words."""

from functools import partial

import numpy as np
import pytest
import torch

from benchmarks.gpu import main
from benchmarks.gpu_ways import WayBackend, attempt, bound, eager
from shm_deploy.errors import BackendError
from tests.deploy.bench.conftest import write_red_graph


def red(frames):
    return frames[..., 0], torch.zeros_like(frames)


def test_a_way_is_compared_like_any_backend():
    """Host frames in, host mattes out."""
    mattes = WayBackend("red", partial(eager, red), "cpu").run(np.full((2, 4, 5, 3), 9, np.uint8))
    assert mattes.alpha.shape == (2, 4, 5)
    assert (mattes.alpha == 9).all()
    assert mattes.trimap.shape == (2, 4, 5, 3)


def test_onnx_runtime_reads_and_writes_the_tensors_it_is_given(tmp_path):
    """A step follows what the frames hold now, and no copy of before."""
    frames = torch.full((1, 64, 80, 3), 7, dtype=torch.uint8)
    step = bound(write_red_graph(tmp_path / "red.onnx"), "cpu")(frames)
    assert (step()[0] == 7).all()
    frames.fill_(8)
    assert (step()[0] == 8).all()


def test_a_refusal_keeps_its_exact_words():
    """What the device says goes into the result."""

    def refused():
        raise BackendError("compute capability 9.0 is not supported")

    assert attempt(refused) == {"failed": "BackendError: compute capability 9.0 is not supported"}


def test_a_mistake_of_ours_is_no_refusal():
    """A TypeError ends the benchmark."""

    def wrong():
        raise TypeError("ours")

    with pytest.raises(TypeError):
        attempt(wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_without_a_device_the_command_says_so(capsys):
    """Code 4, and how to rehearse."""
    assert main([]) == 4
    assert "--device cpu --tiny" in capsys.readouterr().err

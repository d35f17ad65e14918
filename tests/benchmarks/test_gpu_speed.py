"""Operations, bytes and floors that can be worked out by hand; clocks are only counted."""

import pytest
import torch
from torch import nn

from benchmarks.gpu_speed import TINY, Cost, Rates, count_cost, measure_rates, time_back_to_back, time_steps


class OneConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1, bias=False)

    def forward(self, frames):
        return self.convolution(frames.permute(0, 3, 1, 2).float())


@pytest.mark.slow
def test_the_cost_of_one_convolution():
    """4x5 pixels, 3 to 8 channels, 3x3: 2·27·8·20 operations; 216 weights, 60 values in, 160 out, two bytes each."""
    cost = count_cost(OneConvolution(), (4, 5))
    assert cost.operations == 8640
    assert cost.num_bytes == 2 * (216 + 60 + 160)


@pytest.mark.parametrize(
    ("cost", "floor_ms"),
    [(Cost(operations=2000, num_bytes=10), 2.0), (Cost(operations=1000, num_bytes=300), 3.0)],
    ids=["bound by operations", "bound by bytes"],
)
def test_the_floor_is_the_slower_of_both(cost, floor_ms):
    """A million operations and a hundred thousand bytes a second."""
    assert cost.floor_ms(Rates(operations_per_s=1e6, bytes_per_s=1e5)) == pytest.approx(floor_ms)


def test_rates_are_measured_on_the_cpu_too():
    """For the rehearsal."""
    rates = measure_rates("cpu", TINY)
    assert rates.operations_per_s > 0
    assert rates.bytes_per_s > 0


def test_warm_up_runs_before_the_clock():
    """Two and three make five steps, of which three are timed."""
    calls = []
    assert len(time_steps(lambda: calls.append(1), "cpu", 2, 3)) == 3
    assert len(calls) == 5


def test_back_to_back_is_a_mean_over_runs():
    """Four steps, one number."""
    calls = []

    def step():
        calls.append(1)
        return torch.zeros(1), torch.zeros(1)

    assert time_back_to_back(step, "cpu", 4) >= 0
    assert len(calls) == 4

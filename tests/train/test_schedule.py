"""The learning rate and the moving average, by hand."""

import pytest
import torch
from torch import nn

from shm_train.ema import MovingAverage
from shm_train.schedule import rate_factor


def test_the_rate_warms_up_and_falls_to_its_final_share():
    """A quarter of the way up at the first of four steps; half way down the cosine, the mean of 1 and the final."""
    assert rate_factor(0, 4, 0.0, 0.01, "cosine") == pytest.approx(0.25)
    assert rate_factor(10, 4, 0.5, 0.01, "cosine") == pytest.approx(0.505)
    assert rate_factor(10, 4, 1.0, 0.01, "cosine") == pytest.approx(0.01)


@pytest.mark.parametrize(("schedule", "left"), [("linear", 0.75), ("poly", 0.75**0.9)])
def test_other_ways_down(schedule, left):
    """A line, and PSPNet's power of it; a quarter of the budget is spent, and a tenth stays at the end."""
    assert rate_factor(10, 0, 0.25, 0.1, schedule) == pytest.approx(0.1 + 0.9 * left)
    assert rate_factor(10, 0, 1.5, 0.1, schedule) == pytest.approx(0.1)


def test_a_final_share_of_one_keeps_the_rate():
    """The paper's rate does not change."""
    assert [rate_factor(step, 0, step / 10, 1.0, "cosine") for step in range(10)] == [1.0] * 10


def test_the_average_forgets_the_start_and_then_moves_slowly():
    """Step 0 keeps a tenth of what was there, whatever the decay; from far on, `decay` of it."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0)
    average = MovingAverage(network, decay=0.99)
    nn.init.constant_(network.weight, 1)
    average.update(network, 0)
    assert average.network.weight.item() == pytest.approx(0.9)
    average.update(network, 10_000)
    assert average.network.weight.item() == pytest.approx(0.901)


@pytest.mark.parametrize("power", [0, 1, 3])
def test_without_a_limit_steps_weigh_as_a_power_of_their_number(power):
    """The mean is 1 / (power + 2) of all steps old; the network before the first step hardly counts."""
    num_steps = 2000
    network = nn.Linear(1, 1, bias=False)
    average = MovingAverage(network, decay=1, power=power)
    for step in range(num_steps):
        nn.init.constant_(network.weight, step)
        average.update(network, step)
    steps = torch.arange(num_steps).double()
    weights = steps**power
    assert average.network.weight.item() == pytest.approx(float((steps * weights).sum() / weights.sum()), rel=2e-3)
    age = num_steps - average.network.weight.item()
    assert age / num_steps == pytest.approx(1 / (power + 2), rel=1e-2)


def test_an_average_without_decay_is_the_network():
    """The paper averages nothing; counters of batch norm are copied, not averaged."""
    network = nn.BatchNorm1d(2)
    average = MovingAverage(network, decay=0)
    network(torch.randn(4, 2))
    average.update(network, 0)
    for name, tensor in network.state_dict().items():
        assert torch.equal(average.network.state_dict()[name], tensor)

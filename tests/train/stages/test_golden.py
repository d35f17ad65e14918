"""Golden curves: twenty seeded steps of every stage; a refactoring may not move them.

With batch norms that keep their statistics. Those that estimate them see two values in the pyramid's single bin, divide
by whatever lies between the two, and so carry a rounding of the seventh digit into the second within a few steps: the
curve would hold for one number of threads and one instruction set. So it holds for all: measured, equal to five digits
with one and two threads, and with AVX-512 and without.
"""

import csv
from dataclasses import replace

import pytest
import torch

from shm_train.networks import SemanticHumanMatting
from shm_train.stages.config import LIVE_E2E, LIVE_MNET, LIVE_TNET, Budget
from shm_train.stages.end_to_end import train_end_to_end
from shm_train.stages.machine import Machine
from shm_train.stages.mnet import train_mnet
from shm_train.stages.tnet import train_tnet
from tests.train.conftest import TINY_DATA, TINY_NETWORK

# fmt: off
GOLDEN = {
    "tnet": (train_tnet, LIVE_TNET, [
        1.03582, 1.05534, 1.04881, 1.01525, 1.06563, 1.03880, 0.98165, 0.96925, 1.13058, 1.06013,
        1.10384, 1.03738, 1.03381, 1.02063, 1.04463, 1.05965, 1.02549, 1.10552, 1.09316, 1.00778,
    ]),
    "mnet": (train_mnet, replace(LIVE_MNET, trimaps="true"), [
        0.95106, 0.92623, 0.88367, 0.88962, 0.97500, 0.96699, 0.85874, 0.83731, 1.08319, 0.96494,
        1.03981, 0.88713, 0.95021, 0.85294, 1.07083, 0.98483, 0.91404, 1.05555, 1.13476, 0.88284,
    ]),
    "e2e": (train_end_to_end, LIVE_E2E, [
        0.87689, 0.86270, 0.83341, 0.83478, 0.84953, 0.82425, 0.76662, 0.75910, 0.83227, 0.78009,
        0.80356, 0.73867, 0.70291, 0.69393, 0.75402, 0.71109, 0.67716, 0.71190, 0.68647, 0.64554,
    ]),
}
# fmt: on


@pytest.mark.slow
@pytest.mark.parametrize("stage", GOLDEN)
def test_twenty_steps_follow_the_golden_curve(stage, pack, tmp_path):
    """The total of every step, to four digits."""
    train, recipe, golden = GOLDEN[stage]
    config = replace(
        recipe,
        network=TINY_NETWORK,
        data=TINY_DATA,
        rate=1e-3,
        freeze_norms=True,
        warmup_steps=2,
        num_validation=1,
        validate_every=100,
        log_every=1,
    )
    torch.manual_seed(0)
    train(config, Budget(steps=20), SemanticHumanMatting(TINY_NETWORK), pack, tmp_path, Machine(num_workers=0))
    with (tmp_path / "log.csv").open() as stream:
        totals = [float(row["total"]) for row in csv.DictReader(stream)]
    assert totals == pytest.approx(golden, rel=1e-4)

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
        1.20728, 1.18089, 1.19076, 1.22228, 1.17610, 1.19761, 1.23675, 1.24271, 1.09746, 1.16810,
        1.13592, 1.18547, 1.14190, 1.19822, 1.16301, 1.17749, 1.20298, 1.12747, 1.09791, 1.20116,
    ]),
    "mnet": (train_mnet, replace(LIVE_MNET, trimaps="true"), [
        0.54254, 0.49730, 0.50659, 0.57389, 0.59004, 0.56143, 0.56053, 0.57670, 0.53444, 0.56235,
        0.55257, 0.58892, 0.51358, 0.52739, 0.63345, 0.59892, 0.56027, 0.59467, 0.57640, 0.55109,
    ]),
    "e2e": (train_end_to_end, LIVE_E2E, [
        0.99237, 0.91626, 0.93465, 0.99718, 0.91312, 0.90859, 0.92395, 0.93994, 0.76130, 0.82750,
        0.76421, 0.84136, 0.76432, 0.76985, 0.76041, 0.75388, 0.74880, 0.67016, 0.64395, 0.70218,
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

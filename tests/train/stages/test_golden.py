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
        0.97545, 1.00789, 0.95913, 0.93952, 1.08389, 1.07020, 0.85161, 0.79377, 1.27479, 1.13886,
        1.23849, 0.94570, 1.08071, 0.99581, 1.22272, 1.07715, 0.99992, 1.28955, 1.32887, 0.94413,
    ]),
    "e2e": (train_end_to_end, LIVE_E2E, [
        1.02487, 0.98412, 0.95224, 0.98485, 0.96662, 0.96482, 0.89767, 0.90789, 0.89285, 0.88792,
        0.87833, 0.84487, 0.78291, 0.81903, 0.85637, 0.80375, 0.78320, 0.77091, 0.75138, 0.72574,
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

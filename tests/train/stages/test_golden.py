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
        1.20765, 1.20941, 1.14077, 1.18844, 1.31901, 1.31232, 1.12595, 1.14976, 1.46887, 1.32865,
        1.42825, 1.11173, 1.25098, 1.21563, 1.43136, 1.29199, 1.18777, 1.45946, 1.49412, 1.10798,
    ]),
    "e2e": (train_end_to_end, LIVE_E2E, [
        1.05868, 1.00870, 0.98249, 1.02903, 0.99153, 0.99877, 0.96037, 0.96777, 0.90255, 0.91132,
        0.89391, 0.87455, 0.80771, 0.84814, 0.87596, 0.83029, 0.81703, 0.78492, 0.76304, 0.75755,
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

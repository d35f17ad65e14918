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
        0.90859, 0.92656, 0.90639, 0.91239, 1.00129, 0.99082, 0.84855, 0.80576, 1.13386, 1.03779,
        1.11024, 0.89970, 1.00498, 0.92066, 1.11064, 0.98852, 0.95823, 1.14872, 1.14215, 0.89519,
    ]),
    "e2e": (train_end_to_end, LIVE_E2E, [
        1.03085, 0.98208, 0.96378, 1.00260, 0.96653, 0.96721, 0.92167, 0.92767, 0.88241, 0.88529,
        0.86867, 0.85604, 0.79576, 0.82007, 0.84961, 0.80368, 0.79433, 0.76230, 0.73577, 0.73485,
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

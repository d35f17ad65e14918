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
        0.98205, 0.93817, 0.87145, 0.90254, 1.00436, 0.99590, 0.85479, 0.83683, 1.10024, 0.97440,
        1.05389, 0.88788, 0.93187, 0.83132, 1.10400, 1.00252, 0.92569, 1.07742, 1.16414, 0.87191,
    ]),
    "e2e": (train_end_to_end, LIVE_E2E, [
        0.85536, 0.85241, 0.81394, 0.80529, 0.84046, 0.80717, 0.73828, 0.72258, 0.84314, 0.77167,
        0.81397, 0.71150, 0.68439, 0.67817, 0.75614, 0.69803, 0.65166, 0.72930, 0.69444, 0.63049,
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

"""Untrained networks, each traced once, as parts that run."""

import numpy as np
import pytest

from benchmarks import candidates
from shm_train.networks import LiveConfig

SMALL = LiveConfig(tnet_edge=64, tnet_width=4, mnet_widths=(4, 4, 4))


@pytest.mark.slow
def test_each_network_is_traced_once_for_both_of_its_parts(tmp_path, monkeypatch):
    """Two T-Nets and one M-Net of two networks: two traces; each part gives what `Matter` gets from it."""
    traced = []
    make_graphs = candidates.make_graphs
    monkeypatch.setattr(candidates, "make_graphs", lambda *a, **k: traced.append(a) or make_graphs(*a, **k))
    found = candidates.find_candidates((SMALL, SMALL), 1, tmp_path, threads=1, size=(64, 96))
    assert len(traced) == 2
    assert [candidate.part for candidate in found] == ["tnet", "tnet", "mnet"]
    tnet, _, mnet = (candidate.run(0) for candidate in found)
    np.testing.assert_allclose(tnet.trimap.sum(1), 1, atol=1e-5)
    assert mnet.shape == (1, 4, 16, 24)

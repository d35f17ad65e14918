"""How Ray is started."""

from __future__ import annotations

import os

import pytest

from shm_deploy.errors import BackendError

pytestmark = pytest.mark.slow  # importing Ray takes seconds


def test_no_statistics_are_sent_and_a_bad_address_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's own switch is set before it starts, whatever it was."""
    from shm_deploy.catalogue.runner import cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    with (
        pytest.raises(BackendError, match=r"can't start or reach Ray at 'nowhere'.*check the address"),
        cluster("nowhere"),
    ):
        pass
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"

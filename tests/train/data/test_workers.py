"""The same work by several processes."""

import pytest

from shm_train.data.workers import in_processes


@pytest.mark.parametrize("num_workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_outcomes_come_in_the_order_of_their_tasks(num_workers):
    """Whoever worked on them; and each is counted."""
    counted = []
    tasks = [-number for number in range(20)]
    assert list(in_processes(abs, tasks, num_workers, counted.append)) == list(range(20))
    assert counted == list(range(1, 21))

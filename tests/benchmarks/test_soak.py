"""When memory counts as growing."""

from __future__ import annotations

import pytest

from benchmarks.soak import growth_mib, soak


def test_growth_is_counted_after_the_warm_up() -> None:
    """Ten samples: the first two don't count; then a fifth at 50 and, at the end, a fifth at 53."""
    assert growth_mib([10, 30, 50, 50, 51, 51, 52, 52, 53, 53]) == 3


def test_one_high_sample_is_no_growth() -> None:
    """Medians are compared."""
    assert growth_mib([50.0] * 14 + [90.0]) == 0


@pytest.mark.slow
def test_short_soak_samples_the_memory_of_a_run() -> None:
    """Python, the network and FFmpeg take between 50 MiB and a gigabyte."""
    samples, seconds = soak(6, (64, 64), 1)
    assert [number for number, _ in samples] == list(range(6))
    assert 50 < samples[-1][1] < 1000
    assert seconds > 0

"""Times of live sources."""

from __future__ import annotations

from fractions import Fraction

from shm_deploy.live.timeline import Timeline


def test_times_begin_at_zero_and_keep_their_steps() -> None:
    """Whatever the source's own zero is."""
    timeline = Timeline(clock=lambda: 0.0)
    assert [timeline.at(Fraction(stamp, 10)) for stamp in (5000, 5001, 5003)] == [0, Fraction(1, 10), Fraction(3, 10)]


def test_new_beginning_goes_on_by_the_clock() -> None:
    """A source that starts at zero again, or leaps a day ahead, or says nothing."""
    now = iter([0.0, 1.0, 3.0, 3.5, 4.0])
    timeline = Timeline(clock=lambda: next(now))
    stamps = [Fraction(100), Fraction(101), Fraction(0), Fraction(86400), None]
    assert [timeline.at(stamp) for stamp in stamps] == [0, 1, 3, Fraction(7, 2), 4]


def test_times_rise_where_stamps_and_clock_stand_still() -> None:
    """By a millisecond, so that encoders take them."""
    timeline = Timeline(clock=lambda: 0.0)
    assert [timeline.at(Fraction(7)) for _ in range(3)] == [0, Fraction(1, 1000), Fraction(2, 1000)]

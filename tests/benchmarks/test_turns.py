"""Fair turns."""

import time
from itertools import pairwise

from benchmarks.turns import time_in_turn


def test_calls_take_turns_and_warm_up_is_not_counted():
    """a b a b a b: each turn runs every call once; one of three turns is warm-up."""
    seen = []
    times = time_in_turn([lambda turn: seen.append(("a", turn)), lambda turn: seen.append(("b", turn))], 1, 2)
    assert seen == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [len(taken) for taken in times] == [2, 2]


def test_there_is_a_rest_between_calls_where_one_is_wanted():
    """Whoever was timed before has so long to come to rest."""
    moments = []
    time_in_turn([lambda turn: moments.append(time.perf_counter())] * 2, warmup=0, runs=2, pause_s=0.02)
    assert all(after - before >= 0.02 for before, after in pairwise(moments))

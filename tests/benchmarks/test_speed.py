"""Fair turns, and a clear word where the peer is missing."""

from benchmarks.speed import main, time_in_turn


def test_calls_take_turns_and_warm_up_is_not_counted():
    """a b a b a b: each turn runs every call once; one of three turns is warm-up."""
    seen = []
    times = time_in_turn([lambda turn: seen.append(("a", turn)), lambda turn: seen.append(("b", turn))], 1, 2)
    assert seen == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert [len(taken) for taken in times] == [2, 2]


def test_a_missing_peer_is_named(tmp_path, capsys):
    """Code 1, and the file that is wanted."""
    assert main(["--peers", str(tmp_path)]) == 1
    assert "rvm_mobilenetv3_fp32.onnx" in capsys.readouterr().err

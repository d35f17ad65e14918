"""A clear word where the peer is missing."""

from benchmarks.speed import main


def test_a_missing_peer_is_named(tmp_path, capsys):
    """Code 1, and the file that is wanted."""
    assert main(["--peers", str(tmp_path)]) == 1
    assert "rvm_mobilenetv3_fp32.onnx" in capsys.readouterr().err

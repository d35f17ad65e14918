"""What a fresh process imports."""

from benchmarks.cold_start import summary, time_imports


def test_importing_the_library_brings_nothing_heavy():
    """No torch, OpenCV, ONNX Runtime or Pillow: an application pays for what it uses when it uses it."""
    assert time_imports("shm_deploy", runs=1)["heavy"] == []


def test_heavy_packages_are_noticed():
    """The probe sees what a module brings along."""
    assert time_imports("PIL", runs=1)["heavy"] == ["PIL"]


def test_a_summary_says_of_how_many():
    """The median of three."""
    assert summary([3.0, 1.0, 2.0]) == {"least": 1.0, "median": 2.0, "largest": 3.0, "runs": 3}

"""Packages that get in each other's way."""

from __future__ import annotations

from shm_deploy.doctor.packages import find_conflicts, installed_packages


def test_two_wheels_of_one_module_are_a_problem_with_a_way_out() -> None:
    """Both have to go before the one that is wanted comes back: what one leaves behind is a mixture."""
    (problem,) = find_conflicts({"onnxruntime": "1.20", "onnxruntime-gpu": "1.20", "numpy": "2.0"})
    assert "onnxruntime and onnxruntime-gpu" in problem.what
    assert problem.fix == "pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"


def test_opencv_installed_twice_goes_back_to_the_headless_one() -> None:
    """The one that needs no system libraries."""
    (problem,) = find_conflicts({"opencv-python": "4.10", "opencv-python-headless": "4.10"})
    assert problem.fix.endswith("pip install opencv-python-headless")


def test_one_wheel_of_each_module_is_no_problem() -> None:
    """Neither is none."""
    assert find_conflicts({"onnxruntime-gpu": "1.20", "opencv-python": "4.10"}) == []
    assert find_conflicts({}) == []


def test_installed_packages_are_found_by_their_usual_names() -> None:
    """What these tests run with, at least."""
    assert {"semantic-human-matting", "numpy", "pillow"} <= set(installed_packages())

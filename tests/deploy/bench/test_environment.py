"""What is written down about the machine."""

import os

from shm_deploy.bench.environment import library_versions, record_environment


def test_the_command_can_be_typed_again():
    """Program and arguments are kept as they came."""
    assert record_environment(["shm-bench", "--size", "512"], "cpu").command == ("shm-bench", "--size", "512")


def test_on_the_cpu_the_device_is_the_processor():
    """There is no card and no driver to name."""
    found = record_environment(["x"], "cpu")
    assert found.device == found.processor
    assert found.device
    assert found.driver is None
    assert found.num_cpus == len(os.sched_getaffinity(0))


def test_versions_name_installed_libraries_only():
    """NumPy is there in every installation."""
    versions = library_versions()
    assert "numpy" in versions
    assert all(versions.values())

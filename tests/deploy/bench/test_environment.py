"""What is written down about the machine."""

import os

from shm_deploy.bench.environment import Card, library_versions, read_card, read_processor, record_environment


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


def test_the_processors_clock_is_the_mean_of_its_cores():
    """Linux tells it core by core; where it tells nothing, nothing is made up."""
    cpuinfo = "processor\t: 0\nmodel name\t: A chip: fast\ncpu MHz\t\t: 1000.5\n\nprocessor\t: 1\ncpu MHz\t\t: 2000.5\n"
    assert read_processor(cpuinfo) == ("A chip: fast", 1500.5)
    assert read_processor("BogoMIPS\t: 50.00\n")[1] is None


def test_a_card_tells_name_driver_and_clock():
    """As nvidia-smi writes a line of values; some cards keep their clock to themselves."""
    assert read_card("NVIDIA H100 80GB HBM3, 570.86.10, 1980") == Card("NVIDIA H100 80GB HBM3", "570.86.10", 1980.0)
    assert read_card("NVIDIA GRID, 535.1, [N/A]").clock_mhz is None


def test_versions_name_installed_libraries_only():
    """NumPy is there in every installation."""
    versions = library_versions()
    assert "numpy" in versions
    assert all(versions.values())

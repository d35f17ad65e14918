"""What Linux counts as resident, of a process that does nothing else."""

import subprocess
import sys

PROGRAM = """
import numpy as np
from shm_deploy.bench import memory

before = memory.resident_mib()
held = np.ones(256 << 20, np.uint8)
with_it = memory.resident_mib()
del held
after = memory.resident_mib()
print(with_it - before, after - before, memory.peak_mib() - before)
memory.reset_peak()
print(memory.peak_mib() - before)
"""


def test_resident_memory_and_its_peak():
    """256 MiB come and go; the peak remembers them until it is reset."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    growth, left, peak, peak_since = (float(word) for word in run.stdout.split())
    assert 240 < growth < 280
    assert left < 20
    assert 240 < peak < 280
    assert peak_since < 20

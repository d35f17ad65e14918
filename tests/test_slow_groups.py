"""How CI runs the slow tests: what comes to no end is tried again, what fails is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="CI's processes are Linux's")]

CI = Path(__file__).parents[1] / ".ci"
PASSES = "pass"
FAILS = "assert subprocess.run(['setsid', '-f', 'sleep', '1000']).returncode == 1"  # and leaves a process behind
DIES = "os.kill(os.getpid(), signal.SIGKILL)"
DIES_ONCE = f"mark = Path(__file__ + '.ran'); mark.exists() or (mark.touch(), {DIES})"
BREAKS_ONCE = (  # pytest, not the test: it has no report to make then
    "mark = Path(__file__ + '.ran'); "
    "mark.exists() or (mark.touch(), setattr(pytest.TestReport, 'from_item_and_call', None))"
)
HANGS = "os.kill(os.getpid(), signal.SIGSTOP)"


def run(tmp_path: Path, body: str, limit_s: int) -> tuple[int, str]:
    """Exit code and output of CI's program for a group of one test."""
    scratch = tmp_path / "test_scratch.py"
    imports = "import os, signal, subprocess\nfrom pathlib import Path\nimport pytest"
    scratch.write_text(f"{imports}\n\n@pytest.mark.slow\ndef test_scratch():\n    {body}\n")
    program = f"import sys, slow_tests as ci; sys.exit(ci.main([ci.Group('scratch', {limit_s}, ({str(scratch)!r},))]))"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(CI)!r}); {program}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=390, cwd=tmp_path)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("body", "limit_s", "code", "times", "last"),
    [
        pytest.param(PASSES, 300, 0, 1, "1 passed", id="passes"),
        pytest.param(FAILS, 300, 1, 1, "1 failed", id="fails"),
        pytest.param(DIES, 300, 1, 2, "1 error", id="dies"),
        pytest.param(DIES_ONCE, 300, 0, 2, "1 passed", id="dies once"),
        pytest.param(BREAKS_ONCE, 300, 0, 2, "1 passed", id="pytest breaks once"),
        pytest.param(HANGS, 3, 1, 2, "1 error", id="hangs"),
    ],
)
def test_only_what_comes_to_no_end_is_run_again(
    tmp_path: Path, body: str, limit_s: int, code: int, times: int, last: str
) -> None:
    """The last line is like pytest's."""
    found, output = run(tmp_path, body, limit_s)
    assert found == code, output
    assert output.count("== slow tests: scratch") == times
    assert output.splitlines()[-1].startswith(f"====== {last} in ")


def test_no_process_is_left(tmp_path: Path) -> None:
    """Here one in a session of its own, whose parent is gone."""
    assert "left processes behind, which were killed: sleep 1000" in run(tmp_path, FAILS, 300)[1]

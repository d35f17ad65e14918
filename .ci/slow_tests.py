"""The slow tests, each group of them in a process of its own, so that none can hang the run or end without a word.

A group that hangs, is killed or breaks outside its tests is tried once more, for it may be the machine that stalls; one
whose tests fail is not.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PYTEST = [sys.executable, "-m", "pytest", "-v", "-ra", "--durations=5", "-p", "no:randomly", "-m", "slow and not gpu"]
PYTEST_BROKE = 3  # its exit code: what a signal handler of PyTorch's loader raises may come when a test has ended
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
TOTAL_S = 4000  # for all groups, the second runs too
TELL_EVERY_S = 60
# On a busy machine threads that spin while they wait take the cores from those they wait for.
PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
NUM_LINES = 300  # of the log of a group that went wrong


@dataclass(frozen=True)
class Group:
    """Tests that share a process."""

    name: str
    limit_s: int  # several times what they take on two free cores
    paths: tuple[str, ...]


GROUPS = (
    Group("training", 600, ("tests/train",)),
    Group("benchmarks", 600, ("tests/benchmarks",)),
    Group("export", 900, ("tests/deploy/export", "tests/deploy/bench")),
    Group("backends", 400, ("tests/deploy/backends",)),
    Group("catalogues", 400, ("tests/deploy/catalogue",)),
    Group("streams", 400, ("tests/deploy/live", "tests/deploy/media", "tests/deploy/stream")),
    Group("service", 400, ("tests/deploy/serve",)),
)
NAMED = [path for group in GROUPS for path in group.paths]
REST = Group("the rest", 700, ("tests", *(f"--ignore={path}" for path in NAMED)))


def main(groups: Sequence[Group] = (*GROUPS, REST)) -> int:
    """Run them one after another; returns the exit code."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit("== the slow tests were told to end"))
    adopt_orphans()
    begin = time.monotonic()
    tell(f"at the start: {state()}")
    with tempfile.TemporaryDirectory() as folder:
        attempts = [attempt_twice(group, Path(folder), begin + TOTAL_S) for group in groups]
    bad = [attempt.name for attempt in attempts if not attempt.passed]
    if bad:
        tell(f"went wrong: {', '.join(bad)}")
    counts = sum((attempt.counts for attempt in attempts), Counter())
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    tell(f"====== {told} in {time.monotonic() - begin:.2f}s ======")
    return bool(bad)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What came of a group once."""

    name: str
    fault: str  # why it came to no end; empty if it did
    code: int
    lines: list[str]  # of its log

    @property
    def passed(self) -> bool:
        return not self.fault and self.code == 0

    @property
    def failures(self) -> bool:
        """Whether a test failed before whatever else happened."""
        return any(re.match(r"tests/\S+.* (FAILED|ERROR)", line) for line in self.lines)

    @property
    def counts(self) -> Counter[str]:
        """Of pytest's closing line; an end that is none is an error."""
        found = re.findall(r"(\d+) (passed|failed|skipped|error)", closing_line(self.lines))
        counts = Counter({what: int(count) for count, what in found})
        return counts + Counter(error=1) if self.fault else counts


def attempt_twice(group: Group, folder: Path, deadline: float) -> Attempt:
    """The second time only where it hung, was killed or broke, and no test had failed."""
    result = attempt(group, folder, deadline)
    if result.fault and not result.failures:
        tell(f"{group.name} is run a second time, because it {result.fault}")
        result = attempt(group, folder, deadline)
    return result


def attempt(group: Group, folder: Path, deadline: float) -> Attempt:
    """Run a group, tell what came of it, and leave no process behind."""
    tell(f"== slow tests: {group.name}")
    log = folder / "log"
    begin = time.monotonic()
    limit_s = max(0, min(group.limit_s, round(deadline - begin)))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*PYTEST, *group.paths],
            env=os.environ | PATIENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            in_time = ends_in_time(process, limit_s, log)
            if not in_time:
                write_stacks(process, output)
        finally:
            process.kill()
            code = process.wait(60)
            left = end_descendants()
    lines = read(log).splitlines()
    result = Attempt(name=group.name, fault=fault_of(in_time, code, lines, limit_s), code=code, lines=lines)
    tell_log(result)
    if left:
        tell(f"{group.name} left processes behind, which were killed: {'; '.join(left)}")
    tell(f"{group.name}: {time.monotonic() - begin:.0f} s, {result.fault or f'exit code {code}'}; {state()}")
    return result


def ends_in_time(process: subprocess.Popen[bytes], limit_s: int, log: Path) -> bool:
    """Wait for it, telling now and then where it is."""
    begin = time.monotonic()
    while (seconds := time.monotonic() - begin) < limit_s:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(TELL_EVERY_S, limit_s - seconds))
            return True
        tests = [line for line in read(log).splitlines() if "::" in line]
        tell(f"   {time.monotonic() - begin:.0f} s, {''.join(tests[-1:])[:150]}, {state()}")
    return False


def fault_of(in_time: bool, code: int, lines: list[str], limit_s: int) -> str:
    if not in_time:
        return f"came to its limit of {limit_s} s"
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    if not closing_line(lines):
        return f"ended in the middle, with exit code {code}"  # as faulthandler_timeout of pyproject.toml does it
    if code == PYTEST_BROKE:
        return "broke inside pytest, not in a test"
    return ""


def closing_line(lines: list[str]) -> str:
    """Pytest's last one; empty if it did not come to it."""
    return next((line for line in reversed(lines) if re.match(r"=+ .* in \d+\.\d+s.* =+$", line)), "")


def write_stacks(process: subprocess.Popen[bytes], output: BinaryIO) -> None:
    """Of all Python processes of a group, as py-spy sees them and as the one that runs the tests does."""
    for child in descendants():
        with suppress(OSError):
            if "python" in os.readlink(f"/proc/{child}/exe"):
                dump = [str(Path(sys.executable).with_name("py-spy")), "dump", "--native", "--pid", str(child)]
                with suppress(subprocess.TimeoutExpired):
                    subprocess.run(dump, stdout=output, stderr=output, timeout=30, check=False)
    process.send_signal(signal.SIGABRT)  # which faulthandler answers, where py-spy may not look at other processes
    process.send_signal(signal.SIGCONT)  # should it be stopped
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)


def adopt_orphans() -> None:
    """Descendants whose parents die become children of this process: Ray and Chromium leave their groups."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_descendants() -> list[str]:
    """Kill them all; returns the commands of those that were alive."""
    found: dict[int, str] = {}
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        reap()
        living = descendants()
        if not living:
            break
        for child in living:
            with suppress(OSError):
                found.setdefault(child, read(f"/proc/{child}/cmdline").replace("\0", " ")[:100])
                os.kill(child, signal.SIGKILL)
        time.sleep(0.1)
    return list(found.values())


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def descendants() -> list[int]:
    """Of this process."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(read(stat).rpartition(")")[2].split()[1])
    return [child for child in parents if os.getpid() in ancestors(child, parents)]


def ancestors(child: int, parents: dict[int, int]) -> Iterator[int]:
    while child in parents:
        child = parents[child]
        yield child


def tell_log(result: Attempt) -> None:
    """All that matters of it: of tests that passed, how long the slowest took, and what was skipped."""
    first = next((number for number, line in enumerate(result.lines) if "slowest" in line), 0)
    for line in result.lines[first:] if result.passed else result.lines[-NUM_LINES:]:
        tell(line)


def state() -> str:
    """What the machine has left."""
    (available,) = re.findall(r"MemAvailable: +(\d+)", read("/proc/meminfo"))
    shared, disk = shutil.disk_usage("/dev/shm").used, shutil.disk_usage(tempfile.gettempdir()).free
    free = f"{int(available) / 2**20:.1f} GiB of memory and {disk / 2**30:.0f} of disk free"
    return f"{free}, {shared / 2**20:.0f} MiB in /dev/shm"


def read(file: str | Path) -> str:
    return Path(file).read_text(errors="replace")


def tell(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())

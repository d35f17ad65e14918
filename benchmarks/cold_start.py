"""How long a fresh process takes: `python -m benchmarks.cold_start`.

Times `import shm_deploy`, and the first matte from the command line, each in processes of their own. Writes
benchmarks/results/cold_start.json. The file cache is warm after the first, which is not counted.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results_file import RESULTS, environment_of, write_result
from shm_deploy.artifacts import find_model
from shm_deploy.backends import open_backend
from shm_deploy.bench.latency import Effort, StageClock, measure_latency
from shm_deploy.bench.pictures import read_pictures
from shm_deploy.errors import MatteError
from shm_deploy.matter import Matter

PHOTO = Path(__file__).parents[1] / "docs" / "images" / "astronaut.jpg"
HEAVY = ("torch", "cv2", "onnxruntime", "tensorrt", "av", "PIL", "scipy", "matplotlib")

CLOCK = (
    "time.perf_counter. import: around the import statement, in a new process. matte: from starting the process of "
    "`shm-matte PHOTO -o FILE.png` to its end, interpreter, imports, model, network, foreground colours and PNG "
    "included; python: the same around `python -c pass`. network: the network alone in a warm process, same photo."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7, help="processes of each kind (7)")
    parser.add_argument("--photo", type=Path, default=PHOTO)
    parser.add_argument("--threads", type=int, default=2, help="of the network, in the warm process")
    parser.add_argument("--out", type=Path, default=RESULTS / "cold_start.json")
    args = parser.parse_args(argv)
    try:
        network_ms = _network_ms(args.photo, args.threads)
    except MatteError as error:
        print(f"cold_start: {error}", file=sys.stderr)
        return error.exit_code
    imports = {module: time_imports(module, args.runs) for module in ("shm_deploy", "shm_deploy.matter")}
    python_s = time_processes([sys.executable, "-c", "pass"], args.runs)
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("shm-matte")), str(args.photo), "--overwrite"]
        matte_s = time_processes([*command, "-o", str(Path(folder) / "matte.png")], args.runs)
    found = {
        "clock": CLOCK,
        "photo": args.photo.name,
        "model_sha256": find_model(None).sha256,
        "import": imports,
        "python_s": summary(python_s),
        "matte_s": summary(matte_s),
        "network_ms": network_ms,
        "overhead_s": round(float(np.median(matte_s)) - network_ms["p50"] / 1000, 4),
    }
    environment = environment_of("benchmarks.cold_start", argv, "cpu")
    write_result(args.out, environment, found)
    print(json.dumps(found, indent=1))
    return 0


def import_probe(module: str) -> str:
    """A program that imports a module and prints, as JSON, the seconds and which heavy packages came along."""
    return f"""
import json, sys, time
begin = time.perf_counter()
import {module}
seconds = time.perf_counter() - begin
print(json.dumps(dict(seconds=seconds, heavy=[name for name in {HEAVY!r} if name in sys.modules])))
"""


def time_imports(module: str, runs: int) -> dict[str, Any]:
    """Import a module in fresh processes: seconds, and which heavy packages came along."""
    answers = [json.loads(_output([sys.executable, "-c", import_probe(module)])) for _ in range(runs + 1)]
    return {"seconds": summary([answer["seconds"] for answer in answers[1:]]), "heavy": answers[-1]["heavy"]}


def time_processes(command: Sequence[str], runs: int) -> list[float]:
    """Seconds from start to end of a command, without the first, which fills the file cache."""
    seconds = []
    for _ in range(runs + 1):
        begin = time.perf_counter()
        _output(command)
        seconds.append(time.perf_counter() - begin)
    return seconds[1:]


def summary(values: Sequence[float]) -> dict[str, float | int]:
    """Least, median and largest, and of how many."""
    return {
        "least": round(min(values), 4),
        "median": round(float(np.median(values)), 4),
        "largest": round(max(values), 4),
        "runs": len(values),
    }


def _network_ms(photo: Path, threads: int) -> dict[str, float]:
    clock = StageClock(open_backend(find_model(None), device="cpu", threads=threads))
    frames = [picture.pixels for picture in read_pictures([photo], None)]
    with Matter(clock) as matter:
        return asdict(measure_latency(matter, clock, frames, Effort(runs=20)).network_ms)


def _output(command: Sequence[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main())

"""Write the README's tables from benchmarks/results/*.json: `python -m benchmarks.readme_tables [--check]`.

A table stands between `<!-- results: NAME -->` and `<!-- /results -->`; what is between them is replaced. With --check
nothing is written, and the exit code is 3 where the README does not say what the results say.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.results_file import RESULTS, read_result
from shm_deploy.errors import ArtifactError, CheckFailed, MatteError

README = Path(__file__).parents[1] / "README.md"
MARKED = re.compile(r"(<!-- results: (?P<name>\w+) -->\n).*?(<!-- /results -->)", re.DOTALL)

Record = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where something would change")
    parser.add_argument("--readme", type=Path, default=README)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    before = args.readme.read_text()
    try:
        after = with_tables(before, args.results)
        if args.check and after != before:
            raise CheckFailed(f"{args.readme} differs from {args.results}: run python -m benchmarks.readme_tables")
    except MatteError as error:
        print(f"readme_tables: {error}", file=sys.stderr)
        return error.exit_code
    args.readme.write_text(after)
    return 0


def with_tables(text: str, results: Path) -> str:
    """A text with every marked table replaced by what the results say.

    Raises:
        ArtifactError: a table that no result makes, or none marked at all.
    """

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        file = results / f"{name}.json"
        if name not in TABLES or not file.is_file():
            raise ArtifactError(
                f"the README marks a table {name!r}; known are {', '.join(TABLES)}, each from NAME.json"
            )
        return f"{match[1]}{TABLES[name](read_result(file))}\n{match[3]}"

    text, num_tables = MARKED.subn(replaced, text)
    if num_tables == 0:
        raise ArtifactError(
            "no table is marked: put <!-- results: speed --> and <!-- /results --> where it is to stand"
        )
    return text


def speed_table(record: Record) -> str:
    """The packaged model end to end beside RobustVideoMatting's network."""
    rows = [
        [
            f"{row['width']}×{row['height']}",
            "full size" if row["max_edge"] is None else f"at most {row['max_edge']} px",
            f"{row['live_ms']['p50']:.1f} ms",
            f"{row['rvm_ms']['p50']:.1f} ms",
            f"{row['times_as_fast']:.2f}×",
        ]
        for row in record["rows"]
    ]
    memory = record["peak_memory_mib_1080p"]
    heading = ["frame", "network sees", "`Matter`, frame to alpha", "RVM, network alone", "times as fast"]
    return "\n".join(
        [
            _table(heading, rows),
            "",
            f"Medians, {record['threads']} threads, in turn in one run; resident at 1080p {memory['live']:.0f} MiB "
            f"(RVM {memory['rvm']:.0f} MiB). {_origin(record)}",
        ]
    )


def cold_start_table(record: Record) -> str:
    """Import and first matte in fresh processes."""
    rows = [
        ["`import shm_deploy`", f"{record['import']['shm_deploy']['seconds']['median'] * 1000:.0f} ms"],
        ["`shm-matte photo.jpg -o cutout.png`, all of it", f"{record['matte_s']['median']:.2f} s"],
        ["of that the network", f"{record['network_ms']['p50'] / 1000:.2f} s"],
    ]
    return "\n".join([_table(["in a fresh process", "median"], rows), "", _origin(record)])


def parity_table(record: Record) -> str:
    """ONNX Runtime against PyTorch: one line per network, the worst of all its sizes."""
    rows = [_parity_cells(model) for model in record["models"]]
    heading = ["network", "sizes", "mean, float", "p99.9, float", "mean, bytes", "p99.9 /255", "max /255", "NaN"]
    note = (
        "The worst |Δα| of any size between ONNX Runtime and PyTorch; float: the parts, bytes: the joined graph with "
        "its 8-bit output. Every size and the four metrics: benchmarks/results/parity.json."
    )
    origins = [f"{model['variant']}: {_origin({**model, 'device': record['device']})}" for model in record["models"]]
    return "\n".join([_table(heading, rows), "", " ".join([note, *origins])])


def _parity_cells(model: Record) -> list[str]:
    joined, parts = ([row["difference"] for row in model[way]] for way in ("joined", "parts"))
    first, last = model["joined"][0], model["joined"][-1]
    return [
        f"{model['variant']}, {model['precision'].upper()}",
        f"{len(joined)}, {first['width']}×{first['height']} … {last['width']}×{last['height']}",
        _power(max(row["mean"] for row in parts)),
        _power(max(row["p999"] for row in parts)),
        _power(max(row["mean"] for row in joined)),
        f"{max(row['p999'] for row in joined) * 255:.2f}",
        f"{max(row['maximum'] for row in joined) * 255:.0f}",
        str(sum(row["num_nan"] for row in (*parts, *joined))),
    ]


def gpu_table(record: Record) -> str:
    """Every way to run a network on a GPU, network alone."""
    rows = [
        [
            row["variant"],
            row["way"],
            f"{row['width']}×{row['height']}",
            str(row["batch"]),
            f"{row['ms_per_frame']:.2f} ms",
            f"{row['floor_ms']:.2f} ms",
        ]
        for row in record["speed"]["rows"]
    ]
    heading = ["network", "way", "frame", "batch", "per frame", "floor"]
    return "\n".join([_table(heading, rows), "", _origin(record)])


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _power(value: float) -> str:
    return f"{value:.1e}"


def _origin(record: Record) -> str:
    environment = record["environment"]
    commit = (environment["commit"] or "unknown")[:7] + ("+changes" if environment["dirty"] else "")
    return f"{record['device']}, {environment['num_cpus']} CPUs, commit {commit}, {environment['created'][:10]}."


TABLES: dict[str, Callable[[Record], str]] = {
    "speed": speed_table,
    "cold_start": cold_start_table,
    "parity": parity_table,
    "gpu": gpu_table,
}

if __name__ == "__main__":
    sys.exit(main())

"""Write the tables of README and model card from benchmarks/results/*.json: `python -m benchmarks.readme_tables`.

A table stands between `<!-- results: NAME -->` and `<!-- /results -->`; what is between them is replaced. With --check
nothing is written, and the exit code is 3 where a document does not say what the results say.
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

PROJECT = Path(__file__).parents[1]
DOCUMENTS = (
    PROJECT / "README.md",
    PROJECT / "docs" / "model-card.md",
    PROJECT / "docs" / "service.md",
    PROJECT / "docs" / "training.md",
    PROJECT / "docs" / "video.md",
)
MARKED = re.compile(r"(<!-- results: (?P<name>\w+) -->\n).*?(<!-- /results -->)", re.DOTALL)

SET_HEADINGS = {
    "soft": "soft: SAD / MSE / gradient / connectivity",
    "whole_body": "whole body: MAE / IoU / p10",
    "upper_body": "upper body: MAE / IoU / p10",
    "agreement": "agreement with the teachers: MAE / IoU / p10",
    "empty": "nobody there: mean alpha",
}
TEMPORAL_NAMES = {
    "none": "each frame for itself",
    "low": '`latency="low"`',
    "full": '`latency="full"`, one frame of lag',
    "rvm": "RobustVideoMatting, recurrent",
}
MODEL_NAMES = {
    "ours": "**ours**",
    "ours_int8": '**ours**, `backend="int8"`',
    "rvm_mobilenetv3": "RobustVideoMatting, MobileNetV3",
    "selfie_general": "MediaPipe selfie",
    "selfie_multiclass": "MediaPipe multiclass",
    "u2net": "U²-Net",
    "isnet_fp16": "IS-Net",
}

Record = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where something would change")
    parser.add_argument("--documents", type=Path, nargs="+", default=DOCUMENTS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    args = parser.parse_args(argv)
    try:
        texts = {document: with_tables(document.read_text(), args.results) for document in args.documents}
        changed = {document: text for document, text in texts.items() if text != document.read_text()}
        if args.check and changed:
            names = ", ".join(str(document) for document in changed)
            raise CheckFailed(f"{names} differs from {args.results}: run python -m benchmarks.readme_tables")
    except MatteError as error:
        print(f"readme_tables: {error}", file=sys.stderr)
        return error.exit_code
    for document, text in changed.items():
        document.write_text(text)
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
                f"a table {name!r} is marked; known are {', '.join(TABLES)}, each from NAME.json in {results}"
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
            f"{row['int8_ms']['p50']:.1f} ms",
            f"{row['rvm_ms']['p50']:.1f} ms",
            f"{row['times_as_fast']:.2f}× / {row['int8_times_as_fast']:.2f}×",
        ]
        for row in record["rows"]
    ]
    memory = record["peak_memory_mib_1080p"]
    heading = [
        "frame",
        "network sees",
        "`Matter`, frame to alpha",
        '`backend="int8"`',
        "RVM, network alone",
        "times as fast / int8",
    ]
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
        "The worst |Δα| of any size between ONNX Runtime and PyTorch; float: the parts, bytes: what `Matter` "
        "gives, for live by tiles. Every size and the four metrics: benchmarks/results/parity.json."
    )
    origins = [f"{model['variant']}: {_origin({**model, 'device': record['device']})}" for model in record["models"]]
    return "\n".join([_table(heading, rows), "", " ".join([note, *origins])])


def ablation_table(record: Record) -> str:
    """The paper's Tables 3 to 5, ours beside the paper's."""
    budget = {name: value for name, value in record["budget"].items() if value is not None}
    terms = ", ".join(f"{value:g} {name} for each stage" for name, value in budget.items())
    return "\n\n".join(
        [
            *record["tables"].values(),
            record["agreement"].replace("\n", "\n\n"),
            f"{record['units']} `{record['variant']}`, {terms}; {record['num_pictures']} pictures. {_origin(record)}",
        ]
    )


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


def peers_table(record: Record) -> str:
    """Quality of all models on all pictures of each set, then ours beside RVM's by source."""
    rows = record["rows"]
    models = list(dict.fromkeys(row["model"] for row in rows))
    if not {"ours", "rvm_mobilenetv3"} <= set(models):
        raise ArtifactError(
            f"peers.json has {', '.join(models)}; the table wants ours and rvm_mobilenetv3: run it again"
        )
    sets = list(dict.fromkeys(row["set"] for row in rows))
    found = {(row["set"], row["source"], row["model"]): row for row in rows}
    heading = ["model", *(SET_HEADINGS[name] for name in sets)]
    counts = ["pictures", *(str(found[name, "all", models[0]]["num_pictures"]) for name in sets)]
    quality = [
        [MODEL_NAMES.get(model, model), *(_scores(found[name, "all", model]) for name in sets)] for model in models
    ]
    ours = [found[name, "all", "ours"] for name in sets]
    quality.insert(1, ["ours / RVM", *(_ratios(row) for row in ours)])
    by_source = [
        [
            SET_HEADINGS[row["set"]],
            row["source"],
            str(row["num_pictures"]),
            _scores(row),
            _scores(found[row["set"], row["source"], "rvm_mobilenetv3"]),
            _ratios(row),
        ]
        for row in rows
        if row["model"] == "ours" and row["source"] != "all"
    ]
    return "\n".join(
        [
            _table(heading, [counts, *quality]),
            "",
            _table(["set", "source", "pictures", "ours", "RVM", "ours / RVM"], by_source),
            "",
            f"{record['metrics']} Model {record['model_sha256'][:12]}. {_origin(record)}",
        ]
    )


def _scores(row: Record) -> str:
    cells = [f"{value:.3f}" if name.startswith("iou") else f"{value:.1f}" for name, value in row["scores"].items()]
    return " / ".join(cells)


def _ratios(row: Record) -> str:
    return " / ".join("–" if ratio is None else f"{ratio:.2f}" for ratio in row["ratio_to_rvm"].values())


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _power(value: float) -> str:
    return f"{value:.1e}"


def _origin(record: Record) -> str:
    environment = record["environment"]
    commit = (environment["commit"] or "unknown")[:7] + ("+changes" if environment["dirty"] else "")
    return f"{record['device']}, {environment['num_cpus']} CPUs, commit {commit}, {environment['created'][:10]}."


def loader_table(record: Record) -> str:
    """Examples per second of the loader, beside those that training takes."""
    rates = {(row["workers"], row["from"]): row["examples_s"] for row in record["loader"]}
    rows = [
        [
            str(row["workers"]),
            f"{rates[row['workers'], 'files']:.1f}",
            f"{rates[row['workers'], 'shards']:.1f}",
            f"{row['examples_s']:.2f}",
            f"{row['waits']:.1%}",
        ]
        for row in record["together"]
    ]
    heading = ["workers", "loader, files", "loader, shards", "with the step", "of which it waits"]
    return "\n".join(
        [
            _table(heading, rows),
            "",
            f"Examples per second; the step of `{record['variant']}` alone takes {record['step_examples_s']:.2f}, in "
            f"{record['precision']}. Load average {record['environment']['load_average']:.1f}. {_origin(record)}",
        ]
    )


def service_table(record: Record) -> str:
    """What the service adds to `Matter`, and how it bears a load."""
    rows = [
        [
            row["size"].replace("x", "×"),
            f"{row['matter_ms']['p50']:.1f} ms",
            f"{row['request_ms']['p50']:.1f} / {row['request_ms']['p99']:.1f} ms",
            f"{row['times_matter']:.2f} / {row['cpu_times_matter']:.2f}",
            f"{busy['requests_per_second']:.1f}",
        ]
        for row, busy in zip(record["overhead"], record["throughput"], strict=True)
    ]
    live, memory, crowd, stop = (record[name] for name in ("live", "memory", "crowd", "sigterm"))
    batches = [f"{row['times_as_fast']:.2f} ({row['backend']}, {row['size']})" for row in record["batch"]]
    alone = live["matter_alone_per_second"]
    notes = [
        f"Live, {live['size'].replace('x', '×')}: {live['frames_per_second']:.1f} frames/s round the WebSocket, "
        f"between two measurements of `Matter` alone at {alone[0]:.1f} and {alone[1]:.1f}.",
        f"The page's webcam: {_browser(record['chromium'])}.",
        f"Resident after {memory['resident'][-1]['requests']} requests of {len(memory['sizes'])} sizes: "
        f"{memory['resident'][-1]['resident_mib']:.0f} MiB, {memory['growth_after_first_tenth_mib']:+.1f} MiB "
        "since the first tenth of them.",
        f"{crowd['clients']} clients against {crowd['queue']} places: {_count(crowd['statuses'])}.",
        f"SIGTERM under load: {stop['service']['accepted']} accepted, {stop['service']['answered']} answered, "
        f"{stop['service']['lost']} lost.",
        f"A batch of {record['batch'][0]['frames']} is as fast as its frames one by one, times {', '.join(batches)}.",
    ]
    heading = ["picture", "`Matter`", "request, p50 / p99", "times `Matter`, time / CPU", "requests/s, 4 clients"]
    others = record["environment"]["load_average"]
    load = f"Threads of the network: {record['threads']}; load average {others:.1f}. {_origin(record)}"
    return "\n".join([_table(heading, rows), "", *(f"- {note}" for note in notes), "", load])


def temporal_table(record: Record) -> str:
    """Error and unsteadiness of each way, and what a still scene costs."""
    names = {row["method"]: TEMPORAL_NAMES.get(row["method"], row["method"]) for row in record["rows"]}
    rows = [
        [names[row["method"]], f"{row['sad']:.2f}", f"{row['dtssd']:.2f}", f"{row['flicker']:.2f}"]
        for row in record["rows"]
    ]
    still = record["still_scene"]
    note = (
        f"{len(record['clips'])} keyed clips over moving backgrounds, stills under noise. A still 720p scene costs "
        f"{still['cpu_s_per_frame_steady']:.3f} CPU seconds a frame in place of "
        f"{still['cpu_s_per_frame_each_frame']:.3f}. {_origin(record)}"
    )
    return "\n".join([_table(["", "SAD ×10⁻³", "dtSSD ×10⁻²", "flicker of a still ×10⁻³"], rows), "", note])


def _browser(found: Record) -> str:
    if "skipped" in found:
        return f"not measured, {found['skipped']}"
    return f"{found['frames_per_second']:.1f} frames/s, {found['latency_ms']:.0f} ms behind, in {found['browser']}"


def _count(statuses: Mapping[str, int]) -> str:
    return ", ".join(f"{number} × {status}" for status, number in sorted(statuses.items()))


TABLES: dict[str, Callable[[Record], str]] = {
    "speed": speed_table,
    "cold_start": cold_start_table,
    "parity": parity_table,
    "gpu": gpu_table,
    "peers": peers_table,
    "ablation": ablation_table,
    "loader": loader_table,
    "service": service_table,
    "temporal": temporal_table,
}

if __name__ == "__main__":
    sys.exit(main())

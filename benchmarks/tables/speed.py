"""How fast things are, and how much memory they hold."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean, median

from benchmarks.tables.markdown import Record, origin, table

UNKNOWN_SHARES = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)  # of a frame, between the lines of the table of tiles


def speed_table(record: Record) -> str:
    """The packaged model end to end beside RobustVideoMatting's network."""
    rows = [
        [
            f"{row['width']}×{row['height']}",
            "full size" if row["max_edge"] is None else f"at most {row['max_edge']} px",
            *(f"{row['ms'][name]['p50']:.1f} ms" for name in ("live", "int8", "openvino", "rvm")),
            " / ".join(f"{row['times_as_fast'][name]:.2f}×" for name in ("live", "int8", "openvino")),
        ]
        for row in record["rows"]
    ]
    memory = record["peak_memory_mib_1080p"]
    heading = [
        "frame",
        "network sees",
        "`Matter`, frame to alpha",
        '`backend="int8"`',
        '`backend="openvino"`',
        "RVM, network alone",
        "times as fast",
    ]
    return "\n".join(
        [
            table(heading, rows),
            "",
            f"Medians, {record['threads']} threads, in turn in one run; resident at 1080p {memory['live']:.0f} MiB "
            f"(RVM {memory['rvm']:.0f} MiB). {origin(record)}",
        ]
    )


def candidates_table(record: Record) -> str:
    """Untrained parts beside RobustVideoMatting's network."""
    rows = [
        [
            {"tnet": "T-Net", "mnet": "M-Net"}[row["part"]],
            row["shape"],
            f"{row['parameters'] / 1e6:.2f} M",
            f"{row['ms']:.1f} ms",
            f"{row['share_of_rvm']:.2f}",
        ]
        for row in record["rows"]
    ]
    height, width = record["size"]
    note = (
        f"Untrained, on a whole frame of {width}×{height}, {record['threads']} threads, in turn with RVM's network, "
        f"which takes {record['rvm_ms']:.0f} ms. {origin(record)}"
    )
    return "\n".join([table(["part", "shape", "parameters", "one frame", "of RVM's time"], rows), "", note])


def cold_start_table(record: Record) -> str:
    """Import and first matte in fresh processes."""
    rows = [
        ["`import shm_deploy`", f"{record['import']['shm_deploy']['seconds']['median'] * 1000:.0f} ms"],
        ["`shm-matte photo.jpg -o cutout.png`, all of it", f"{record['matte_s']['median']:.2f} s"],
        ["of that the network", f"{record['network_ms']['p50'] / 1000:.2f} s"],
    ]
    return "\n".join([table(["in a fresh process", "median"], rows), "", origin(record)])


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
    return "\n".join([table(heading, rows), "", origin(record)])


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
            table(heading, rows),
            "",
            f"Examples per second; the step of `{record['variant']}` alone takes {record['step_examples_s']:.2f}, in "
            f"{record['precision']}. Load average {record['environment']['load_average']:.1f}. {origin(record)}",
        ]
    )


def video_table(record: Record) -> str:
    """A clip from file to file, and each stage by itself."""
    stages = list(record["rows"][0]["stages"])
    rows = [
        [
            f"{row['width']}×{row['height']}",
            f"{row['frames_per_s']:.1f}",
            f"{row['ratio']:.2f}",
            *(f"{row['stages'][stage]['wall_ms']:.0f} ms" for stage in stages),
        ]
        for row in record["rows"]
    ]
    heading = ["clip", "frames/s", "times its bound", *stages]
    note = (
        "H.264 in, green background, H.264 out. A stage's time is that of a frame, the others idle; the bound is the "
        f"slowest stage, or all CPU time on all cores where that is more. {origin(record)}"
    )
    return "\n".join([table(heading, rows), "", note])


def soak_table(record: Record) -> str:
    """What is resident along a long live run."""
    samples = record["resident_mib"]
    rows = [[f"{number}", f"{mib:.0f} MiB"] for number, mib in samples[:: max(1, len(samples) // 5)]]
    note = (
        f"{record['num_frames']} frames of {record['width']}×{record['height']} through `shm-live`, blurred ground, "
        f"H.264 out, in {record['seconds']:.0f} s: {record['growth_mib']:+.1f} MiB from after the warm-up to the end "
        f"(at most {record['growth_limit_mib']:.0f} are wanted). The network is a small one: "
        f"all the rest works the more often. {origin(record)}"
    )
    return "\n".join([table(["frames", "resident"], rows), "", note])


def tiles_table(record: Record) -> str:
    """What drawing tiles costs beside the joined graph, which draws the whole frame, by the share of unknown pixels."""
    rows = []
    for low, high in pairwise(UNKNOWN_SHARES):
        of_share = [row for row in record["rows"] if low <= row["unknown"] < high]
        if not of_share:
            continue
        tiles, whole = (median(row[name] for row in of_share) for name in ("tiles_cpu_ms", "whole_cpu_ms"))
        cells = [
            f"{tiles:.0f} ms",
            f"{whole:.0f} ms",
            f"{tiles / whole:.2f}",
            f"{mean(r['sad'] for r in of_share):.4f}",
        ]
        rows.append([f"{low:.0%} to {high:.0%}", str(len(of_share)), *cells])
    heading = ["unknown", "photographs", "tiles, CPU", "in one piece, CPU", "ratio", "mean SAD between them ×10⁻³"]
    note = (
        f"{len(record['rows'])} photographs at {record['width']}×{record['height']}, medians of each line; the largest "
        f"SAD between the two mattes of a photograph is {max(row['sad'] for row in record['rows']):.4f}×10⁻³. "
        f"{origin(record)}"
    )
    return "\n".join([table(heading, rows), "", note])

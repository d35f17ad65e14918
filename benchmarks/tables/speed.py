"""How fast things are, and how much memory they hold."""

from __future__ import annotations

from benchmarks.tables.markdown import Record, origin, table


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
            table(heading, rows),
            "",
            f"Medians, {record['threads']} threads, in turn in one run; resident at 1080p {memory['live']:.0f} MiB "
            f"(RVM {memory['rvm']:.0f} MiB). {origin(record)}",
        ]
    )


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

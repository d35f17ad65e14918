"""What service and catalogue add to `Matter`."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.tables.markdown import Record, origin, table


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
    load = f"Threads of the network: {record['threads']}; load average {others:.1f}. {origin(record)}"
    return "\n".join([table(heading, rows), "", *(f"- {note}" for note in notes), "", load])


def _browser(found: Record) -> str:
    if "skipped" in found:
        return f"not measured, {found['skipped']}"
    return f"{found['frames_per_second']:.1f} frames/s, {found['latency_ms']:.0f} ms behind, in {found['browser']}"


def _count(statuses: Mapping[str, int]) -> str:
    return ", ".join(f"{number} × {status}" for status, number in sorted(statuses.items()))


def catalogue_table(record: Record) -> str:
    """Ray beside the plain loop."""
    plain = record["plain"]
    rows = [["plain loop", "", f"{plain['images_per_s']:.1f}", ""]]
    rows += [
        [
            f"Ray, workers of {row['threads_per_worker']} CPU{'s'[: row['threads_per_worker'] > 1]}",
            str(row["workers"]),
            f"{row['images_per_s']:.1f}",
            f"{row['overhead']:+.1%}",
        ]
        for row in record["ray"]
    ]
    before, after = plain["seconds"]
    note = (
        f"{record['pictures']} pictures, cut out; the plain loop before ({before:.0f} s) and after ({after:.0f} s). "
        f"All results are equal byte by byte; the start of Ray and its workers is not counted. {origin(record)}"
    )
    return "\n".join([table(["", "workers", "pictures/s", "time beside the plain loop"], rows), "", note])

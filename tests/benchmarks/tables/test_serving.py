"""What service and catalogue take."""

from benchmarks.tables.serving import catalogue_table, service_table
from tests.benchmarks.tables import ENVIRONMENT


def test_service_table_has_the_load_beside_the_latency():
    """One row for each size, then what became of the crowd and of the stop."""
    ms = {"p50": 60.04, "p99": 90.0}
    record = {
        "device": "a processor",
        "environment": {**ENVIRONMENT, "load_average": 1.25},
        "threads": 2,
        "overhead": [
            {
                "size": "640x480",
                "matter_ms": {"p50": 50.0},
                "request_ms": ms,
                "times_matter": 1.2,
                "cpu_times_matter": 1.13,
            }
        ],
        "throughput": [{"requests_per_second": 17.26}],
        "live": {"size": "640x480", "frames_per_second": 20.5, "matter_alone_per_second": [21.0, 20.0]},
        "chromium": {"frames_per_second": 12.34, "latency_ms": 99.6, "browser": "Chromium 1"},
        "memory": {
            "sizes": ["64x96", "128x128"],
            "resident": [{"requests": 10, "resident_mib": 200.0}, {"requests": 100, "resident_mib": 201.7}],
            "growth_after_first_tenth_mib": 1.5,
        },
        "crowd": {"clients": 64, "queue": 16, "statuses": {"503": 46, "200": 18}},
        "sigterm": {"service": {"accepted": 54, "answered": 54, "lost": 0}},
        "batch": [{"frames": 4, "times_as_fast": 0.826, "backend": "tiles", "size": "320x240"}],
    }
    text = service_table(record)
    assert "| 640×480 | 50.0 ms | 60.0 / 90.0 ms | 1.20 / 1.13 | 17.3 |" in text
    assert "64 clients against 16 places: 18 × 200, 46 × 503." in text
    assert "54 accepted, 54 answered, 0 lost" in text
    assert "100 requests of 2 sizes: 202 MiB, +1.5 MiB" in text
    assert "12.3 frames/s, 100 ms behind, in Chromium 1" in text
    assert "0.83 (tiles, 320x240)" in text


def test_catalogue_table_has_rays_share_of_time():
    """Workers of one and of two processors, faster and slower than the plain loop."""

    def ray(threads: int, workers: int, speed: float, overhead: float) -> dict:
        return {"threads_per_worker": threads, "workers": workers, "images_per_s": speed, "overhead": overhead}

    record = {
        "device": "a processor",
        "environment": ENVIRONMENT,
        "pictures": 500,
        "plain": {"seconds": [40.4, 39.6], "images_per_s": 12.5},
        "ray": [ray(1, 2, 16.66, -0.25), ray(2, 1, 11.9, 0.05)],
    }
    lines = catalogue_table(record).splitlines()
    assert lines[2:5] == [
        "| plain loop |  | 12.5 |  |",
        "| Ray, workers of 1 CPU | 2 | 16.7 | -25.0% |",
        "| Ray, workers of 2 CPUs | 1 | 11.9 | +5.0% |",
    ]
    assert "before (40 s) and after (40 s)" in lines[-1]

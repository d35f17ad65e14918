"""Where the numbers of the tables under test come from."""

ENVIRONMENT = {
    "device": "a processor",
    "commit": "0123456789",
    "dirty": False,
    "num_cpus": 2,
    "created": "2026-11-22T10:00:00+00:00",
}

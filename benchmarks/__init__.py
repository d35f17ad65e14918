"""One command each, from the repository's root: `python -m benchmarks.parity`; results go to benchmarks/results/."""

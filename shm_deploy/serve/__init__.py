"""Mattes over HTTP, and a page for people: what `shm-serve` runs."""

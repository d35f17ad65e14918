"""Backends: one file each behind one protocol; `open_backend` is the only place that chooses."""

from shm_deploy.backends.protocol import Backend, Mattes, Parts

__all__ = ["Backend", "Mattes", "Parts"]

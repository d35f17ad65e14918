"""Backends: one file each behind one protocol; `open_backend` is the only place that chooses."""

from shm_deploy.backends.opening import BackendName, open_backend, open_parts
from shm_deploy.backends.protocol import Backend, Facts, Mattes, Parts, Segmented

__all__ = ["Backend", "BackendName", "Facts", "Mattes", "Parts", "Segmented", "open_backend", "open_parts"]

"""Frames in, results out, in order: stages that overlap, with bounded queues between them."""

from shm_deploy.stream.frames import Frame, Latency

__all__ = ["Frame", "Latency"]

"""The fixtures of the runtime's tests."""

from tests.deploy.conftest import fake_backend, tiny_model

__all__ = ["fake_backend", "tiny_model"]

"""What a service may be asked for, by whom, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from shm_deploy.errors import SpecError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one process; whatever goes over one of them is refused, never queued without end."""

    max_bytes: int = 32 * 2**20  # of one request, or of one live frame
    max_pixels: int = 50_000_000  # that a picture's header may claim
    seconds: float = 30.0  # for a request to arrive, and again for its answer to be made
    connection_seconds: int = 10  # for the head of a request, and until a connection's next one
    num_working: int = 2  # pictures in work at a time: one in the network while another is decoded or encoded
    num_waiting: int = 16  # pictures that wait for that
    num_uploads: int = 64  # requests that are being received at a time
    num_live: int = 4  # WebSockets at a time
    live_idle_seconds: float = 60.0  # without a frame until a WebSocket is closed
    batch: int | None = None  # pictures of one size that may share a run of the network; None for what suits it

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is None:
                continue
            may_be_zero = name in ("num_waiting", "num_live")
            if value < 0 or (value == 0 and not may_be_zero):
                raise SpecError(f"got {name}={value}; wanted more than 0 (num_waiting and num_live may be 0)")


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may ask."""

    token: str | None = field(default=None, repr=False)  # a bearer token; None lets in whoever reaches the port
    origins: tuple[str, ...] = ()  # of pages elsewhere that may use the service, "https://example.com"
    loopback_names_only: bool = True  # requests must name this machine: keeps out pages whose name was re-bound to it

    def __post_init__(self) -> None:
        if self.token is not None and not (self.token and self.token.isascii() and self.token.isprintable()):
            raise SpecError("got an empty token, or one with characters a header can't hold; wanted printable ASCII")
        for origin in self.origins:
            if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
                raise SpecError(f"got the origin {origin!r}; wanted scheme and host alone, such as https://example.com")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything about a service but its model."""

    limits: Limits = field(default_factory=Limits)
    access: Access = field(default_factory=Access)

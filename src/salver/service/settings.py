"""Every number and switch of a server, in one place: frozen, grouped, with its default and what happens past it.

`Settings.of` takes the flat names that `serve()` and the command line use: a member of a group is
`limit_<name>` or `timeout_<name>`. Nothing here reads an environment or a file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import IO, TYPE_CHECKING, Any, Union

from salver.protocol.errors import LocalProtocolError
from salver.protocol.limits import Limits
from salver.protocol.writer import encode_field

if TYPE_CHECKING:
    from salver.net.certificates import Certificates, TLSFiles

KIB, MIB = 1024, 1024 * 1024

# Without any of these nothing would ever be accepted, read or answered.
_AT_LEAST_ONE = frozenset(("read_ahead", "pipelined", "connections", "threads"))

LogDestination = Union[str, IO[str], None]


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """Bytes and counts. Immutable. Raises ValueError for what is no count."""

    request_line: int = 8 * KIB  # bytes; past it 414 and close
    header_section: int = 32 * KIB  # bytes; past it 431 and close
    fields: int = 100  # field lines; past it 431 and close
    chunk_overhead: int = 4 * KIB  # bytes of chunk extensions and trailers a body; past it 400
    body: int = 16 * MIB  # bytes of a collected body; past it 413
    body_in_memory: int = 1 * MIB  # bytes; past it a body goes to a temporary file
    read_ahead: int = 64 * KIB  # bytes taken from a socket at once; more waits in the kernel
    pipelined: int = 32  # requests of one connection answered in a row before others get their turn
    drain: int = 256 * KIB  # bytes of an unread body read and dropped to keep a connection; past it close
    connections: int = 20_000  # and fewer where descriptors are; past it accepting pauses
    per_address: int = 1_000  # connections of one address, loopback excepted; past it 503; 0 is no limit
    threads: int = 128  # crew threads that may block at once
    queue: int = 1_024  # requests that wait for such a thread; past it 503
    backlog: int = 2_048  # connections that wait in the kernel

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value, least = getattr(self, name), name in _AT_LEAST_ONE
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"limit_{name} is a whole number, not {value!r}")
            if value < least:
                raise ValueError(f"limit_{name} is at least {least:d}, not {value}")

    def of_heads(self) -> Limits:
        """What the protocol needs to know."""
        return Limits(self.request_line, self.header_section, self.fields, self.chunk_overhead)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, checked once a second. Immutable. Raises ValueError for what is no time."""

    head: float = 10.0  # from its first byte to its end, and from connecting to the first byte
    handshake: float = 10.0  # from connecting to the end of a TLS handshake
    idle: float = 75.0  # between two requests of a connection
    body: float = 20.0  # before `body_rate` is asked for
    body_rate: float = 500.0  # bytes a second, on average, that a body must arrive with; slower is 408
    stalled: float = 30.0  # that a peer may accept no byte of a response; then reset
    linger: float = 2.0  # that unread input is read and dropped after the last response
    stop: float = 30.0  # for what is in flight when the server stops
    last_request: float = 0.0  # of `stop`: that idle connections stay for one more; behind a proxy that reuses them

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= 0:
                raise ValueError(f"timeout_{name} is a number of seconds, not {value!r}")


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server behaves. Immutable; share it freely. Raises ValueError for a name that no head may carry."""

    limits: SizeLimits = field(default_factory=SizeLimits)
    timeouts: Timeouts = field(default_factory=Timeouts)
    keep_alive: bool = True  # False: `Connection: close` after every reply
    server_name: str = "Salver"  # the Server field; "" sends none
    access_log: LogDestination = None  # a path, "-" for standard output, an open text file, None for none
    log_format: str = "combined"  # "combined", "json", or a format string
    poller: str = "auto"  # "auto", "epoll" or "selectors"
    tls: TLSFiles | Certificates | None = None  # a certificate and its key: HTTPS; None: HTTP

    def __post_init__(self) -> None:
        if self.server_name:
            try:
                encode_field("Server", self.server_name)
            except LocalProtocolError as error:
                raise ValueError(f"server_name: {error}") from None

    @classmethod
    def of(cls, **settings: Any) -> Settings:
        """From flat names: `Settings.of(limit_body=1024, timeout_idle=5, access_log="-")`.

        Raises TypeError for a name that does not exist, with those that do, and ValueError for a value that is none.
        """
        names = flat_names()
        wrong = sorted(set(settings) - set(names))
        if wrong:
            raise TypeError(f"no such setting: {', '.join(wrong)}; there are {', '.join(names)}")
        limits: dict[str, Any] = {}
        timeouts: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for name, value in settings.items():
            group, _, member = name.partition("_")
            if group == "limit":
                limits[member] = value
            elif group == "timeout":
                timeouts[member] = value
            else:
                own[name] = value
        return cls(limits=SizeLimits(**limits), timeouts=Timeouts(**timeouts), **own)


def flat_names() -> list[str]:
    """The names that `Settings.of` takes, in order."""
    own = [each.name for each in fields(Settings) if each.name not in ("limits", "timeouts")]
    limits = [f"limit_{each.name}" for each in fields(SizeLimits)]
    timeouts = [f"timeout_{each.name}" for each in fields(Timeouts)]
    return own + limits + timeouts

"""What every connection of one server shares: the handler, the settings, the crew, the log, the field lines that are
the server's own, and the sites that were seen to block. It serves nothing itself.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable
from types import FunctionType
from typing import Any, Protocol

from salver.failures import log_failure
from salver.handler import Handler, HandlerOptions
from salver.net.crew import Crew, Member
from salver.net.learning import SiteTable
from salver.problem import finished, problem
from salver.protocol.heads import Section
from salver.protocol.server_connection import LastSection
from salver.protocol.writer import encode_field
from salver.request import Request
from salver.response import HTTPError, Response
from salver.semantics.dates import format_date
from salver.service.settings import Settings
from salver.service.sites import Sites

logger = logging.getLogger("salver")

# Seconds: a client that repeats itself does so sooner, and a browser's header section with all that was made of it
# weighs more than the rest of an idle connection.
_REST = 5.0
# Of what a handler may run out of; RFC 4918 §11.5 for 507.
_STATUS_OF = {errno.ENOSPC: 507, errno.EDQUOT: 507, errno.EMFILE: 503, errno.ENFILE: 503}


class RequestLog(Protocol):
    """Where a line for each request goes; `add` must not block."""

    def add(
        self,
        client: str,
        method: str,
        target: str,
        minor: int,
        status: int,
        size: int,
        seconds: float,
        section: Section | None,
    ) -> None:
        """One request: `size` in bytes of body sent, `seconds` from its head to its end; no head, no method."""

    def tick(self) -> None:
        """A second has begun."""


class Context:
    """One server's shared state. `ready` and `draining` are written by the leader's thread and by `stop`; everything
    else is set once."""

    __slots__ = (
        "_counting",
        "_options",
        "access_log",
        "asked",
        "closing",
        "crew",
        "cut",
        "emptied",
        "handler",
        "heads",
        "interruptible",
        "last_section",
        "limits",
        "patience",
        "paused",
        "per_address",
        "read_ahead",
        "ready",
        "ready_until",
        "rest",
        "scheme",
        "settings",
        "sites",
        "stopping",
        "timeouts",
    )

    def __init__(
        self, handler: Handler, settings: Settings, crew: Crew, access_log: RequestLog | None, scheme: str = "http"
    ) -> None:
        self.handler = _bound(handler)
        self.asked = handler  # how it wants a request to be run
        self.settings = settings
        self.limits = settings.limits
        self.heads = settings.limits.of_heads()
        self.last_section = LastSection()
        self.read_ahead = settings.limits.read_ahead
        self.timeouts = settings.timeouts
        self.rest = min(settings.timeouts.idle, _REST)  # seconds until an idle connection forgets
        self.crew = crew
        self.access_log = access_log
        self.scheme = scheme
        chosen = getattr(handler, "salver_options", None)
        self._options = chosen if isinstance(chosen, HandlerOptions) else HandlerOptions()
        self.sites = Sites(SiteTable(), self._options.blocking)
        self.closing = not settings.keep_alive  # every response is its connection's last
        self.stopping = False  # bodies that wait have their end
        self.cut = False  # the server has stopped: who comes back to a connection now ends it
        self.interruptible = False  # served by its caller's thread: what is no Exception is for that, not for a client
        self.patience = 0.0  # seconds that idle connections have while the server stops
        self.per_address: dict[str, int] = {}  # connections
        self._counting = threading.Lock()
        self.paused: list[Callable[[], None]] = []  # how acceptors that found no room go on
        self.emptied = threading.Event()  # while stopping: the last connection has gone
        self.ready = b""
        self.ready_until = 0.0

    def refresh(self, now: float) -> None:
        """Render the Date and Server lines anew, at most once a second (RFC 9110 §6.6.1). `now` is the crew's."""
        wall = time.time()
        self.ready_until = now + 1.0 - wall % 1.0
        name = self.settings.server_name
        server = encode_field("Server", name) if name else b""
        self.ready = server + encode_field("Date", format_date(wall))
        if self.access_log is not None:
            self.access_log.tick()

    def forget(self, member: Member, host: str) -> None:
        """A connection is closing: the crew and the count of its address let go of it."""
        self.crew.remove(member)
        self.count(host, -1)
        if self.paused:
            self._make_room()
        self.note_if_empty()

    def count(self, host: str, change: int) -> None:
        """One connection more, or less, of an address. Under a lock: any crew thread may close one, and an update
        lost would count against the address for ever."""
        with self._counting:
            count = self.per_address.get(host, 0) + change
            if count > 0:
                self.per_address[host] = count
            else:
                self.per_address.pop(host, None)

    def _make_room(self) -> None:
        """A place is free: who waits for one need not sit its pause out."""
        paused, self.paused = self.paused, []
        for resume in paused:
            self.crew.call_soon(resume)

    def note_if_empty(self) -> None:
        """Tell whoever waits in `stop` once nothing is left to wait for."""
        if self.closing and not self.crew.members:
            self.emptied.set()

    def failed(self, request: Request, error: BaseException) -> Response:
        """The answer where a handler raised: the page of an `HTTPError`, which is an answer and no fault; for all else
        500 without a detail (507 where a disk is full, 503 where descriptors are out), and the traceback goes to the
        log. With the fields of the wrappers around it in any case."""
        if isinstance(error, HTTPError):
            return self.finished(request, problem(request, error.status, error.detail, error.headers))
        self.pass_on(error)
        self.log_failure(request, error)
        status = _STATUS_OF.get(error.errno or 0, 500) if isinstance(error, OSError) else 500
        return self.finished(request, problem(request, status))

    def finished(self, request: Request | None, page: Response) -> Response:
        """See `salver.problem.finished`; where a wrapper fails even here, a 500 without any of their fields."""
        if request is None:
            return page
        try:
            return finished(request, page)
        except Exception as failure:
            self.log_failure(request, failure)
            return problem(request, 500)

    def log_failure(self, request: Request, error: BaseException) -> None:
        """Say what a handler raised."""
        log_failure(logger, "handler failed", request, error)

    def pass_on(self, error: BaseException | None) -> None:
        """Raise what ends the server (KeyboardInterrupt, SystemExit), where that is `interruptible`."""
        if self.interruptible and error is not None and not isinstance(error, Exception):
            raise error


def _bound(handler: Any) -> Callable[[Request], Any]:
    """What to call: an object's method, looked up once, for to call the object costs half as much again."""
    return handler.__call__ if isinstance(type(handler).__call__, FunctionType) else handler  # type: ignore[no-any-return]

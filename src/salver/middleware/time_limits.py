"""An answer after so many seconds, whatever the handler does: `time_limit(5)(handler)`.

A thread cannot be ended from outside: an exception that is thrown into one hits it anywhere, with a lock in its hand or
half of a file written, and does not reach it at all where it waits in the system. So nothing is ended here. The handler
runs in a thread of its own while the crew's thread waits for it; past the limit the client is answered with 503, and
the handler goes on until it ends by itself, cut off from the connection: what it returns is let go of, and it can
neither read nor write there. It can ask `deadline_of(request)` how long it has, and so stop by itself, which is the
only good way. How many handlers may go on like this is bounded; past that, further requests get 503 at once.

From the moment when a handler reads the body from the connection as it comes, or writes its answer while it runs, two
threads would stand in one connection, so it is not cut off any more. The body of an answer is made outside of all this.
The price is two changes of threads, about 20 µs a request: this is for views that may be slow.
"""

from __future__ import annotations

import contextvars
import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from salver.failures import log_failure
from salver.handler import HandlerOptions, Middleware, options_of, responder, with_options, wraps_handler
from salver.problem import problem
from salver.request import ClientAddress, Exchange, Request, Transmission
from salver.response import HTTPError, Response

logger = logging.getLogger("salver")

_DEADLINE = "deadline"
_DETAIL = "This takes longer than it may. Try again a little later."
_IDLE = 10.0  # seconds that a thread waits for another handler


class Deadline:
    """Until when a handler has time. Immutable; for any thread."""

    __slots__ = ("_at", "_clock")

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at = clock() + seconds

    @property
    def remaining(self) -> float:
        """Seconds that are left; 0 where it has passed. What a query or a call to elsewhere may take."""
        return max(0.0, self._at - self._clock())

    def check(self) -> None:
        """Raise `HTTPError` 503 where it has passed; for the loop of a long handler."""
        if not self.remaining:
            raise HTTPError(503, _DETAIL, {"Retry-After": "1"})


def deadline_of(request: Request) -> Deadline | None:
    """The deadline of the innermost `time_limit` around the handler of `request`, None where there is none."""
    deadline: Deadline | None = request.attributes.get(_DEADLINE)
    return deadline


def time_limit(seconds: float, *, overdue: int = 16) -> Middleware:
    """A middleware that answers with 503 where the handler has not returned after so many `seconds`.

    `overdue`: how many handlers may still be running past their time before further requests are refused, 503 at once.
    What it does not do is said at the head of this file. Raises ValueError for numbers that limit nothing.
    """
    if not (0 < seconds < math.inf and overdue >= 1):
        raise ValueError(f"{seconds} seconds, {overdue} overdue: each has to be more than nothing")
    helpers = Helpers()
    tally = _Tally(overdue)

    def wrap(handler: Callable[..., Any]) -> Callable[..., Response]:
        respond = responder(handler)

        def limiting(request: Request, **params: Any) -> Response:
            deadline = request.attributes[_DEADLINE] = Deadline(seconds)
            if tally.full:
                return problem(request, 503, _DETAIL, {"Retry-After": str(math.ceil(seconds))})
            if not request.hand_over():  # no thread may block: nobody could wait here
                return respond(request, **params)
            run = _Run(respond, request, params, tally)
            helpers.run(run)
            response = run.wait(deadline)
            if response is not None:
                return response
            _log_overdue(request, seconds)
            return problem(request, 503, _DETAIL, {"Retry-After": str(math.ceil(seconds))})

        return _blocking(handler, wraps_handler(handler)(limiting))

    return wrap


def _log_overdue(request: Request, seconds: float) -> None:
    from salver.semantics.masking import shown_target  # here: nobody else needs it before something has failed

    text = "%s %r takes longer than %g s; it was answered, and goes on"
    logger.warning(text, request.method, shown_target(request.target), seconds)


def _blocking(handler: Callable[..., Any], wrapper: Callable[..., Response]) -> Callable[..., Response]:
    """`wrapper`, which waits, and so is to be handed over before it runs, as one that is run as `handler` otherwise."""

    def salver_options_for(request: Request) -> HandlerOptions:
        return with_options(options_of(handler, request), blocking=True)

    own = getattr(handler, "salver_options", None)
    blocking = with_options(own if isinstance(own, HandlerOptions) else HandlerOptions(), blocking=True)
    wrapper.salver_options = blocking  # type: ignore[attr-defined]  # as `options` does
    wrapper.salver_options_for = salver_options_for  # type: ignore[attr-defined]
    return wrapper


class _Tally:
    """How many handlers are overdue. Safe to use from several threads."""

    __slots__ = ("_count", "_lock", "_most")

    def __init__(self, most: int) -> None:
        self._lock = threading.Lock()
        self._most = most
        self._count = 0

    @property
    def full(self) -> bool:
        return self._count >= self._most

    def add(self, change: int) -> None:
        with self._lock:
            self._count += change


class _Run:
    """One call of a handler: run by a helper, waited for by the crew's thread. Which of the two comes first is decided
    under a lock."""

    __slots__ = (
        "_claimed",
        "_context",
        "_done",
        "_error",
        "_exchange",
        "_lock",
        "_overdue",
        "_params",
        "_request",
        "_respond",
        "_response",
        "_tally",
    )

    def __init__(
        self, respond: Callable[..., Response], request: Request, params: dict[str, Any], tally: _Tally
    ) -> None:
        self._respond = respond
        self._request = request
        self._params = params
        self._tally = tally
        self._context = contextvars.copy_context()
        self._lock = threading.Lock()
        self._done = threading.Lock()
        self._done.acquire()  # until the handler has returned
        self._claimed = False
        self._overdue = False
        self._response: Response | None = None
        self._error: BaseException | None = None
        self._exchange = request.exchange
        request.exchange = _Severable(self._exchange, self)

    def __call__(self) -> None:
        """Run the handler; in a helper. Never raises."""
        response, error = None, None
        try:
            response = self._context.run(self._respond, self._request, **self._params)
        except BaseException as raised:
            error = raised
        with self._lock:
            self._response, self._error = response, error
            overdue = self._overdue
            self._done.release()
        if overdue:
            self._tally.add(-1)
            self._end_late(response, error)

    def _end_late(self, response: Response | None, error: BaseException | None) -> None:
        try:
            if response is not None:
                response.close()
        except Exception as raised:
            error = raised
        if error is not None and not isinstance(error, HTTPError):
            log_failure(logger, "handler failed past its time", self._request, error)

    def wait(self, deadline: Deadline) -> Response | None:
        """The answer, None where it is not there in time; from then on the handler is cut off. Raises what the handler
        raised."""
        if not self._done.acquire(timeout=deadline.remaining) and self._cut_off():
            return None
        if self._response is None and self._error is None:  # it is in the connection: it has to come to its end
            self._done.acquire()
        self._request.exchange = self._exchange
        if self._error is not None:
            raise self._error
        return self._response

    def _cut_off(self) -> bool:
        with self._lock:
            if self._claimed or self._response is not None or self._error is not None:
                return False
            self._overdue = True
        self._tally.add(1)
        return True

    def claim(self) -> None:
        """The handler is about to use the connection itself. Raises RuntimeError where it has been cut off."""
        with self._lock:
            if self._overdue:
                raise RuntimeError("the time of this request is over, and the client has been answered")
            self._claimed = True


class _Severable:
    """The exchange of a request whose handler may be cut off; it leads no crew, so it has nothing to hand over."""

    __slots__ = ("_inner", "_run", "client", "scheme")

    def __init__(self, inner: Exchange, run: _Run) -> None:
        self._inner = inner
        self._run = run
        self.client: ClientAddress = inner.client
        self.scheme: str = inner.scheme

    @property
    def local(self) -> ClientAddress:
        return self._inner.local

    def hand_over(self) -> bool:
        return True

    def enter(self, site: object) -> None:
        """Nothing: what the crew learns here, it has been told."""

    def body_stream(self) -> BinaryIO:
        self._run.claim()
        return self._inner.body_stream()

    def transmission(self) -> Transmission:
        self._run.claim()
        return self._inner.transmission()

    def watch_client(self) -> None:
        """Nothing: whose time is over is cut off, and a client that has been answered is not watched."""


class Helpers:
    """Threads for calls that others wait for: as many as are busy at once, and none a while after the last. They do
    not keep the process from ending."""

    __slots__ = ("_idle", "_lock", "_queue", "_seconds")

    def __init__(self, seconds: float = _IDLE) -> None:
        """`seconds` that an idle thread stays."""
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._idle = 0  # threads that wait, and that no call in the queue is meant for
        self._seconds = seconds

    def run(self, call: Callable[[], None]) -> None:
        """Run `call`, which must not raise, in a thread of its own, now. Raises RuntimeError where the system has no
        thread."""
        with self._lock:
            waiting = self._idle > 0
            self._idle -= waiting
        if not waiting:
            threading.Thread(target=self._serve, name="salver-time-limit", daemon=True).start()
        self._queue.put(call)

    def _serve(self) -> None:
        while True:
            try:
                call = self._queue.get(timeout=self._seconds)
            except queue.Empty:
                with self._lock:
                    if not self._idle:  # a call is on its way to each thread that waits
                        continue
                    self._idle -= 1
                return
            call()
            del call
            with self._lock:
                self._idle += 1

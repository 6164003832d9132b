"""The server: listeners, a crew, and one handler; started, stopped, and waited for.

`serve` is the one-line way and takes signals; `Server` is for those who run it beside something else. Binding
happens when the server is made (so that an address taken is an error there), threads start with `start`.
"""

from __future__ import annotations

import errno
import logging
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

from salver.handler import Handler, shows_tracebacks
from salver.net.address import parse_address
from salver.net.crew import Crew, CrewSettings
from salver.net.listener import Listener, ListenError, open_listeners, urls
from salver.net.poller import make_poller
from salver.semantics.addresses import is_loopback
from salver.service.accepting import Acceptor
from salver.service.access_log import AccessLog
from salver.service.connection import HTTPConnection
from salver.service.context import Context
from salver.service.settings import Settings

if TYPE_CHECKING:
    from salver.net.certificates import Certificates, TLSFiles
    from salver.service.accepting import Connect

logger = logging.getLogger("salver")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SPARE_DESCRIPTORS = 32  # for files, logs and what a handler opens


class Server:
    """One handler served on some addresses, in this process.

    Thread-safe: `stop` and `wait` may be called from any thread, `stop` from a signal handler too; a request's handler
    calls `request_stop`, since `stop` would wait for the handler's own end. A stopped server cannot be started again.
    """

    def __init__(
        self,
        handler: Handler,
        bind: str | Iterable[str] = "127.0.0.1:8000",
        *,
        settings: Settings | None = None,
        listeners: Sequence[Listener] | None = None,
        on_tick: Callable[[], None] | None = None,
        tls: TLSFiles | Certificates | None = None,
    ) -> None:
        """Bind. `bind`: one address or several ("host:port", "[v6]:port", "unix:path", "fd:3"); `listeners`, open
        ones, take its place and become the server's. `on_tick` is called about once a second by the leader.
        `tls`, or else the setting of that name: HTTPS is spoken, on all of them.

        Raises `AddressError` for an address that cannot be read and `ListenError` where it cannot be bound, or where a
        handler that shows tracebacks (`salver_debug`) could be reached from elsewhere; `TLSError` where a certificate
        or a key cannot be used. TypeError for what is no handler, no address, or no certificate at all.
        """
        _check_callable(handler)
        self._settings = settings or Settings()
        self._certificates = _certificates(self._settings.tls if tls is None else tls)
        self._listeners = list(listeners) if listeners is not None else _open(bind, self._settings.limits.backlog)
        if shows_tracebacks(handler):
            _check_at_home(self._listeners)
        self._handler = handler
        self._on_tick = on_tick
        self._crew: Crew | None = None
        self._context: Context | None = None
        self._log: AccessLog | None = None
        self._acceptors: list[Acceptor] = []
        self._stopping = threading.Lock()
        self._stopped = threading.Event()
        self._ask = threading.Event()
        self._asked_grace: float | None = None

    @property
    def addresses(self) -> list[str]:
        """The addresses bound, ports filled in: "127.0.0.1:8000", "unix:/run/x.sock"."""
        return [str(listener.address) for listener in self._listeners]

    @property
    def port(self) -> int:
        """The TCP port of the first listener, 0 where it has none."""
        return self._listeners[0].address.port or 0

    @property
    def urls(self) -> list[str]:
        """Where a browser finds the server."""
        return urls(self._listeners, self._scheme)

    @property
    def _scheme(self) -> str:
        return "http" if self._certificates is None else "https"

    def start(self) -> None:
        """Accept and serve, in threads of the server's own; returns at once. Raises RuntimeError the second time, and
        where the system gives no thread; OSError where it does not watch the listeners. The server has stopped then."""
        self._begin(Crew.start)

    def run_here(self) -> None:
        """Accept and serve in the calling thread, one request at a time, until another thread calls `stop`. For
        `limits.threads` of 1. KeyboardInterrupt and SystemExit, a handler's too, pass; the server has stopped then."""
        if self._settings.limits.threads != 1:
            raise ValueError("one thread alone serves one request at a time: set limit_threads to 1")
        self._begin(Crew.lead_here, interruptible=True)

    def _begin(self, lead: Callable[[Crew], None], *, interruptible: bool = False) -> None:
        if self._crew is not None or self._stopped.is_set():
            raise RuntimeError("a server is started once; make another one")
        settings, limits = self._settings, self._settings.limits
        if settings.access_log is not None:
            self._log = AccessLog(settings.log_format, settings.access_log)
            self._log.start()
        crew = Crew(
            make_poller(settings.poller),
            CrewSettings(max_threads=limits.threads, queue=limits.queue),
            on_tick=self._tick if self._on_tick else None,
        )
        context = Context(self._handler, settings, crew, self._log, self._scheme)
        capacity = min(limits.connections, _descriptor_limit() - _SPARE_DESCRIPTORS)
        connect = _connecting(self._certificates)
        self._acceptors = [Acceptor(listener, context, max(capacity, 8), connect) for listener in self._listeners]
        context.interruptible = interruptible
        self._crew, self._context = crew, context
        try:
            for acceptor in self._acceptors:
                crew.add(acceptor, exclusive=True)  # of several workers only one is woken
            lead(crew)
        except BaseException:
            crew.stop(0)
            self._cut()
            self._finished()
            raise

    def _tick(self, now: float) -> None:
        if self._on_tick is not None:
            self._on_tick()

    def serve_forever(self) -> None:
        """`start`, then wait until somebody stops the server."""
        if self._crew is None:
            self.start()
        self.wait()

    def wait(self) -> None:
        """Block until the server has stopped, carrying out the stop that `request_stop` asked for."""
        self._ask.wait()
        if not self._stopped.is_set() and self._asked_grace is not None:
            self.stop(self._asked_grace, self._settings.timeouts.last_request)
        self._stopped.wait()

    def request_stop(self, grace: float | None = None) -> None:
        """Ask whoever is in `wait` to stop the server; for signal handlers, since it only sets a flag."""
        self._asked_grace = self._settings.timeouts.stop if grace is None else grace
        self._ask.set()

    def stop(self, grace: float | None = None, patience: float = 0.0) -> None:
        """Stop accepting, let what is in flight finish for at most `grace` seconds (the setting, if None), and end.

        Idle connections close at once, or stay `patience` seconds for one more request, which is answered with
        `Connection: close`. What is not done by then is cut. Returns when everything has ended; call it again from
        elsewhere with 0 to hurry.
        """
        grace = self._settings.timeouts.stop if grace is None else grace
        crew = self._crew
        if crew is None or self._context is None:
            self._close_listeners()
            self._finished()
            return
        self._context.patience = patience
        self._context.closing = self._context.stopping = True
        crew.call_soon(partial(self._quiesce, crew, patience))
        self._context.emptied.wait(grace)
        with self._stopping:
            if not self._stopped.is_set():
                crew.call_soon(self._cut)
                crew.stop(timeout=1.0 if grace else 0.2)
                self._cut()
                self._finished()

    def _quiesce(self, crew: Crew, patience: float) -> None:
        """In the leader: no new connections, and the idle ones go."""
        for acceptor in self._acceptors:
            acceptor.accept_the_rest()
            acceptor.close()
        for member in self._connections():
            crew.call_soon(partial(member.let_end, patience), member)
        if self._context is not None:
            self._context.note_if_empty()

    def _cut(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        if self._context is not None:
            self._context.cut = True
        for member in self._connections():
            if not member.detached:  # a thread is still inside those; it ends them when it comes back
                member.close()

    def _connections(self) -> list[HTTPConnection]:
        if self._crew is None:
            return []
        return [member for member in list(self._crew.members.values()) if isinstance(member, HTTPConnection)]

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()

    def _finished(self) -> None:
        if self._context is not None:
            self._context.emptied.set()  # for a `stop` that is still waiting, when another one was in a hurry
        if self._log is not None:
            self._log.close()
        self._stopped.set()
        self._ask.set()

    def reopen_logs(self) -> None:
        """Open the access log anew, after somebody has moved it away."""
        if self._log is not None:
            self._log.reopen()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(handler: Handler, bind: str | Iterable[str] = "127.0.0.1:8000", **settings: Any) -> None:
    """Serve `handler` on `bind` until SIGINT or SIGTERM; a second signal ends it at once.

    `settings` are the flat names of `Settings.of` (`access_log="-"`, `limit_body=…`, `timeout_idle=…`). Raises
    TypeError for a name that is none, `AddressError` and `ListenError` as `Server` does.
    """
    server = Server(handler, bind, settings=Settings.of(**settings))
    run_until_signalled(server)


def run_until_signalled(server: Server) -> None:
    """Start `server` and block until it has stopped; SIGINT and SIGTERM stop it gracefully, a second one at once
    (then SystemExit is raised, with 128 and the signal's number). In the main thread alone are signals taken;
    elsewhere this only waits.

    The interpreter runs a signal's handler when the main thread runs next, and that thread sleeps on a lock: a signal
    that comes just before it falls asleep would be slept over. So the handlers do nothing, and a thread reads the
    byte that the interpreter writes for each signal when it arrives (`signal.set_wakeup_fd`).
    """
    if threading.current_thread() is not threading.main_thread():
        server.serve_forever()
        return
    woken, waker = socket.socketpair()
    waker.setblocking(False)
    taken: list[int] = []
    obeying = threading.Thread(target=_obey, args=(server, woken, taken), name="salver-signals", daemon=True)
    fd_before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, _noted) for number in _SIGNALS}
    obeying.start()
    try:
        server.serve_forever()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(fd_before)
        waker.close()
        obeying.join()
        woken.close()
    if len(taken) > 1:
        raise SystemExit(128 + taken[-1])


def _obey(server: Server, woken: socket.socket, taken: list[int]) -> None:
    """Stop `server` as signals ask, until the other end of `woken` is closed."""
    while byte := woken.recv(1):
        if byte[0] in _SIGNALS:
            taken.append(byte[0])
            if len(taken) == 1:
                server.request_stop()
            else:
                server.stop(0)


def _noted(number: int, frame: FrameType | None) -> None:
    """A handler, because without one the signal would not be written."""


def _check_callable(handler: object) -> None:
    """What people try first is told what to write, before the first request is answered with a 500."""
    if isinstance(handler, type):
        name = handler.__name__
        raise TypeError(f"{name} is a class; a handler class is served as salver.classes.as_handler({name})")
    if not callable(handler):
        what = "give a function of a request; Folder(path) is one for a folder, WSGI(app) for a WSGI application"
        raise TypeError(f"{handler!r} is no handler: {what}")


def _open(bind: str | Iterable[str], backlog: int) -> list[Listener]:
    if not isinstance(bind, (str, Iterable)):
        raise TypeError(f'an address is text, like "127.0.0.1:8000", and not {bind!r}')
    addresses = [bind] if isinstance(bind, str) else list(bind)
    opened: list[Listener] = []
    try:
        for address in addresses:
            opened.extend(open_listeners(parse_address(address), backlog))
    except Exception:
        for listener in opened:
            listener.close()
        raise
    return opened


def _check_at_home(listeners: Sequence[Listener]) -> None:
    """Raise `ListenError`, with all of them closed, where one can be reached from another computer."""
    for listener in listeners:
        address = listener.address
        if address.kind != "unix" and not is_loopback(address.host):
            for each in listeners:
                each.close()
            text = f"debug shows source and variables to whoever asks; listen on 127.0.0.1 instead of {address}"
            raise ListenError(errno.EACCES, text)


def _certificates(tls: TLSFiles | Certificates | None) -> Certificates | None:
    """Read, where they are not yet. What TLS needs is imported only where it is wanted."""
    if tls is None:
        return None
    from salver.net.certificates import Certificates, TLSFiles

    if isinstance(tls, Certificates):
        return tls
    if not isinstance(tls, TLSFiles):
        raise TypeError(f"tls is TLSFiles(certificate, key), and not {tls!r}")
    return Certificates(tls)


def _connecting(certificates: Certificates | None) -> Connect:
    if certificates is None:
        return HTTPConnection
    from salver.service.tls_connection import over

    return over(certificates)


def _descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 20
    if hard != resource.RLIM_INFINITY and soft < hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            return soft
        return hard
    return soft

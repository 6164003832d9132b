"""An answer after so many seconds: what the client gets, what the handler can still do, and what is left behind."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from salver.classes import as_handler
from salver.handler import HandlerOptions, options, options_of
from salver.middleware import Deadline, deadline_of, time_limit
from salver.middleware.time_limits import Helpers
from salver.problem import HTTPError
from salver.request import ClientAddress, Request
from salver.response import Response
from salver.server import BaseHTTPRequestHandler
from salver.service.server import Server
from tests.middleware.support import Peer, request

LONG = 30.0  # seconds; never waited for where the code is right


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.002)
    return False


class Gate:
    """A handler that waits until the test opens it."""

    def __init__(self, result: Any = "late") -> None:
        self.open = threading.Event()
        self.entered = threading.Event()
        self.ended = threading.Event()
        self.result = result

    def __call__(self, request: Request) -> Any:
        self.entered.set()
        self.open.wait(LONG)
        try:
            return self.result(request) if callable(self.result) else self.result
        finally:
            self.ended.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()


def test_who_is_in_time_answers() -> None:
    asked = request("/", peer=Peer())
    exchange = asked.exchange
    response = time_limit(LONG)(lambda request: ("made", 201, {"X-A": "b"}))(asked)
    assert (response.status, response.body, response.headers["x-a"]) == (201, b"made", "b")
    assert asked.exchange is exchange and exchange.handed_over == 1  # type: ignore[attr-defined]


def test_who_is_late_is_answered_for_and_goes_on(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    response = time_limit(0.02)(gate)(request("/slow%0a"))
    assert response.status == 503 and response.headers["retry-after"] == "1"
    assert not gate.ended.is_set()
    assert caplog.messages == ["GET '/slow%0a' takes longer than 0.02 s; it was answered, and goes on"]
    gate.open.set()
    assert gate.ended.wait(LONG)


def test_what_it_raises_passes() -> None:
    def refuse(request: Request) -> Response:
        raise HTTPError(404, "nothing")

    with pytest.raises(HTTPError, match="404 nothing"):
        time_limit(LONG)(refuse)(request())


def test_a_late_body_is_let_go_of_and_a_late_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    closed = threading.Event()

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

        def close(self) -> None:
            closed.set()

    late = Gate(lambda request: Body())
    assert time_limit(0.01)(late)(request()).status == 503
    late.open.set()
    assert closed.wait(LONG)

    failing = Gate(lambda request: 1 / 0)
    assert time_limit(0.01)(failing)(request("/x")).status == 503
    failing.open.set()
    assert eventually(lambda: any("past its time on GET '/x'" in message for message in caplog.messages))
    assert caplog.records[-1].exc_info is not None


def test_a_late_answer_is_no_fault(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    late: list[Callable[[], None]] = []
    monkeypatch.setattr(Helpers, "run", lambda _, call: late.append(call))
    limited = time_limit(0.01, overdue=1)(lambda request: "late")
    assert limited(request("/slow")).status == 503
    late.pop()()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    monkeypatch.setattr(Helpers, "run", lambda _, call: call())
    assert limited(request()).status == 200, "there is room again"


def test_a_late_body_that_cannot_be_let_go_of_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(list[bytes]):
        def close(self) -> None:
            raise OSError("stuck")

    late = Gate(lambda request: Response(Stubborn()))
    assert time_limit(0.01)(late)(request()).status == 503
    late.open.set()
    assert eventually(lambda: any(record.exc_info is not None for record in caplog.records))
    assert "stuck" in caplog.text


def test_a_late_refusal_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(request: Request) -> Response:
        raise HTTPError(404)

    late = Gate(refuse)
    helpers = threading.active_count()
    assert time_limit(0.01)(late)(request()).status == 503
    late.open.set()
    assert late.ended.wait(LONG) and threading.active_count() >= helpers
    time.sleep(0.02)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_too_many_that_go_on() -> None:
    gates = [Gate() for _ in range(3)]
    pending = iter(gates)

    def handler(request: Request) -> Any:
        gate = next(pending, None)
        return "quick" if gate is None else gate(request)

    limited = time_limit(0.1, overdue=2)(handler)
    assert [limited(request()).status for _ in range(2)] == [503, 503]
    assert limited(request()).status == 503
    assert not gates[2].entered.is_set()  # refused at once
    gates[0].open.set()
    gates[2].open.set()
    assert eventually(lambda: limited(request()).status == 200)
    gates[1].open.set()


def test_the_body_of_who_is_in_time_is_let_go_of_by_whoever_sends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Helpers, "run", lambda _, call: call())  # it has ended before anybody waits for it
    closed: list[str] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

        def close(self) -> None:
            closed.append("closed")

    response = time_limit(LONG)(lambda request: Response(Body()))(request())
    assert response.status == 200 and not closed
    response.close()
    assert closed == ["closed"]


def test_a_handler_can_ask_how_long_it_has() -> None:
    seen: list[Any] = []

    def handler(request: Request) -> str:
        deadline = deadline_of(request)
        assert deadline is not None
        deadline.check()
        seen.append(deadline.remaining)
        return ""

    time_limit(LONG)(handler)(request())
    assert 0 < seen[0] <= LONG and deadline_of(request()) is None


def test_a_deadline() -> None:
    now = [10.0]
    deadline = Deadline(5.0, lambda: now[0])
    assert deadline.remaining == 5.0
    now[0] = 15.0
    assert deadline.remaining == 0.0
    with pytest.raises(HTTPError, match="503"):
        deadline.check()


def test_it_wants_to_be_handed_over_and_else_as_what_it_wraps() -> None:
    @options(max_body=7)
    def small(request: Request) -> str:
        return ""

    class Many:
        def __call__(self, request: Request) -> str:
            return ""

        def salver_options_for(self, request: Request) -> HandlerOptions:
            return HandlerOptions(stream_body=request.path == "/upload")

    assert options_of(time_limit(1)(small), request()) == HandlerOptions(blocking=True, max_body=7)
    assert time_limit(1)(small).salver_options == HandlerOptions(blocking=True, max_body=7)  # type: ignore[attr-defined]
    assert options_of(time_limit(1)(Many()), request("/upload")) == HandlerOptions(blocking=True, stream_body=True)


def test_where_no_thread_may_block_it_runs_where_it_is() -> None:
    threads: list[int] = []
    limited = time_limit(LONG)(lambda request: threads.append(threading.get_ident()) or "x")
    assert limited(request(peer=Peer(may_block=False))).body == b"x"
    assert threads == [threading.get_ident()]


def test_context_variables_go_along() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="-")
    variable.set("mine")
    assert time_limit(LONG)(lambda request: variable.get())(request()).body == b"mine"


def test_the_request_says_the_same_inside() -> None:
    asked = request("/x", peer=Peer("192.0.2.9", "https"))
    asked.set_forwarded(client=ClientAddress("198.51.100.7", 1))

    def handler(request: Request) -> str:
        assert request.hand_over()
        request.enter("site")
        return f"{request.client.host} {request.scheme} {request.exchange.client.host} {request.site}"

    assert time_limit(LONG)(handler)(asked).body == b"198.51.100.7 https 192.0.2.9 site"


@pytest.mark.parametrize("use", ["body_stream", "transmission"])
def test_who_is_in_the_connection_is_not_cut_off(use: str, gate: Gate) -> None:
    def handler(request: Request) -> str:
        getattr(request.exchange, use)()
        gate(request)
        return "in the end"

    threading.Timer(0.1, gate.open.set).start()
    assert time_limit(0.01)(handler)(request(body=None)).body == b"in the end"


@pytest.mark.parametrize("use", ["body_stream", "transmission"])
def test_who_was_cut_off_cannot_use_the_connection(use: str) -> None:
    raised: list[Exception] = []

    def reach(request: Request) -> str:
        try:
            getattr(request.exchange, use)()
        except RuntimeError as error:
            raised.append(error)
        return ""

    late = Gate(reach)
    assert time_limit(0.01)(late)(request(body=None)).status == 503
    late.open.set()
    assert late.ended.wait(LONG)
    assert "the client has been answered" in str(raised[0])


def test_a_handler_class_that_was_cut_off_writes_into_nothing() -> None:
    release, written = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/slow":
                release.wait(LONG)
            self.send_response(200)
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"done")
            self.wfile.flush()
            written.set()

    with Server(time_limit(0.3)(as_handler(Slow)), "127.0.0.1:0") as server:
        connection = _connect(server)
        assert _ask(connection, "/slow") == (503, False)
        release.set()
        assert written.wait(LONG)
        written.clear()
        assert _ask(connection, "/quick") == (200, True)
        connection.close()


def _connect(server: Server) -> Any:
    import http.client

    host, port = server.urls[0].removeprefix("http://").rstrip("/").rsplit(":", 1)
    return http.client.HTTPConnection(host, int(port), timeout=LONG)


def _ask(connection: Any, path: str) -> tuple[int, bool]:
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read() == b"done"


def test_others_are_served_meanwhile_and_afterwards() -> None:
    gate = Gate()
    limited = time_limit(0.3)(lambda request: gate(request) if request.path == "/slow" else "done")
    with Server(limited, "127.0.0.1:0") as server:
        slow, quick = _connect(server), _connect(server)
        slow.request("GET", "/slow")
        assert gate.entered.wait(LONG)
        assert _ask(quick, "/quick") == (200, True)
        answered = slow.getresponse()
        assert answered.status == 503 and answered.read()
        assert _ask(slow, "/quick") == (200, True)  # the connection goes on
        gate.open.set()
        slow.close()
        quick.close()


def test_helpers_are_used_again_and_go() -> None:
    helpers, threads = Helpers(seconds=0.05), list[threading.Thread]()
    ran = threading.Semaphore(0)

    def call() -> None:
        threads.append(threading.current_thread())
        ran.release()

    for _ in range(20):
        helpers.run(call)
        assert ran.acquire(timeout=LONG)
        eventually(lambda: helpers._idle > 0)
    assert len(set(threads)) < 20
    assert eventually(lambda: not any(thread.is_alive() for thread in threads))
    helpers.run(call)
    assert ran.acquire(timeout=LONG)


@pytest.mark.parametrize("numbers", [(0, 1), (-1, 1), (float("inf"), 1), (float("nan"), 1), (1, 0)])
def test_numbers_that_limit_nothing(numbers: tuple[float, int]) -> None:
    with pytest.raises(ValueError, match="more than nothing"):
        time_limit(numbers[0], overdue=numbers[1])

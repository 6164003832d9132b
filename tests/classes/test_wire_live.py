"""Every case of `tests/wire`, over sockets, against live servers of a handler class: on the fast way, and on both kinds
of the blocking way. None reaches `do_X` with what was smuggled, none is a traceback, and the next client is served."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from salver.server import HTTPServer, ThreadingHTTPServer
from salver.service.settings import Settings
from tests.classes.running import connect, exchange, get, running
from tests.classes.tower import ANY, Quiet
from tests.wire.cases import Case, load

CASES = load("bad-requests.jsonl") + load("more-requests.jsonl")
UNENDING = {"field-060"}  # a line that does not end is waited for on the blocking way, until the deadline
_STATUS = re.compile(rb"(?:^|(?<=\n)|(?<=ok))HTTP/1\.1 ([2-5][0-9]{2}) [^\r]*\r\n")


class Site(Quiet):
    """Answers / and /smuggled, refuses the rest, and remembers what reached it."""

    seen: list[str] = []  # noqa: RUF012 - for all of its instances

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.rfile.read()
        self.answer(b"ok", 200 if self.path.partition("?")[0] in ("/", "/smuggled") else 404)

    do_HEAD = do_POST = do_GET  # noqa: N815


class Overrides(Site):
    def handle_one_request(self) -> None:
        super().handle_one_request()


class Unbuffered(Site):
    rbufsize = 0


WAYS = {
    "fast": (ThreadingHTTPServer, Site),
    "fast-one": (HTTPServer, Site),
    "overrides": (ThreadingHTTPServer, Overrides),
    "unbuffered": (ThreadingHTTPServer, Unbuffered),
}


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest) -> Iterator[Any]:
    server_class, handler_class = WAYS[request.param]
    server = server_class(ANY, handler_class)
    server.settings = Settings.of(server_name="", timeout_head=1.0)
    assert server._takes_fast_way() is request.param.startswith("fast")
    with running(server):
        yield server


def say(server: Any, case: Case) -> tuple[bytes, bool]:
    """What is answered, and whether the server ended it by itself."""
    reply = b""
    with connect(server) as client:
        try:
            client.sendall(case.data)
            if not case.must_close:
                client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65_536):
                reply += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        except TimeoutError:
            return reply, False
    return reply, True


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_smuggled(case: Case, server: Any, capfd: pytest.CaptureFixture[str]) -> None:
    Site.seen.clear()
    reply, closed = say(server, case)
    statuses = [int(status) for status in _STATUS.findall(reply)]
    seen = list(Site.seen)
    assert exchange(server, get()).endswith(b"ok")
    assert "Traceback" not in capfd.readouterr().err
    assert closed
    if case.max_responses == 1:
        assert "/smuggled" not in seen
    assert len(statuses) <= case.max_responses
    served = {204, 404} if 200 in case.status else set()  # this site's own answers, where one is wanted
    assert not statuses or statuses[0] in (case.status or {400}) | served  # none is wanted where a body has broken off
    assert statuses or case.silent_close or case.id in UNENDING

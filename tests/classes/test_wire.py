"""The bad requests of `tests/wire` against a handler class: none reaches `do_X`, on the fast way and on the blocking
way. On the fast way in every split, in memory; on the blocking way whole, over a socket."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from salver.classes.adapter import ClassHandler, Elsewhere
from salver.server import ThreadingHTTPServer
from tests.classes.running import connect, exchange, get, running
from tests.classes.tower import ANY, Blocking, Quiet
from tests.service.harness import Conversation
from tests.service.test_wire import ROWS, splits


class Site(Quiet):
    """Answers / and /smuggled, refuses the rest, and remembers what reached it."""

    seen: list[str] = []  # noqa: RUF012 - for all of its instances

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.rfile.read()
        self.answer(b"ok", 200 if self.path.partition("?")[0] in ("/", "/smuggled") else 404)

    do_HEAD = do_POST = do_GET  # noqa: N815


class BlockingSite(Blocking, Site):
    pass


def row_id(row: dict[str, Any]) -> str:
    return str(row["id"])


def check(row: dict[str, Any], statuses: list[int], seen: list[str], *, closed: bool) -> None:
    assert statuses or (row["silent_close"] and closed), "neither answered nor closed"
    assert not statuses or statuses[0] in row["status"]
    assert len(statuses) <= row["max_responses"]
    assert all(status < 500 or status in (501, 505) for status in statuses)
    assert closed or not row["must_close"]
    if row["max_responses"] == 1:
        assert "/smuggled" not in seen


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_on_the_fast_way(row: dict[str, Any]) -> None:
    message = row["send"].encode("latin-1")
    for parts in splits(message)[:120]:
        Site.seen.clear()
        talk = Conversation(ClassHandler(Site, Elsewhere(), mounted=False))
        for part in parts:
            if not talk.stream.closed:
                talk.say(part)
        check(row, talk.statuses, Site.seen, closed=talk.closed)


@pytest.fixture(scope="module")
def blocking() -> Iterator[Any]:
    with running(ThreadingHTTPServer(ANY, BlockingSite)) as server:
        yield server


@pytest.mark.parametrize("row", ROWS, ids=row_id)
def test_on_the_blocking_way(row: dict[str, Any], blocking: Any) -> None:
    Site.seen.clear()
    reply = b""
    with connect(blocking) as client, contextlib.suppress(ConnectionResetError, BrokenPipeError):
        client.sendall(row["send"].encode("latin-1"))
        client.shutdown(socket.SHUT_WR)
        while piece := client.recv(65_536):
            reply += piece
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.1 ([2-5][0-9]{2}) [^\r]*\r\n", reply)]
    check({**row, "silent_close": True}, statuses, Site.seen, closed=True)
    assert exchange(blocking, get()).endswith(b"ok")

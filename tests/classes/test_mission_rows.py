"""Each row of the mission that the tower answers for has tests that bear its name, and what its rows promise together:
a class written for the documents' order of arguments, on every way there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from salver.classes import as_handler
from salver.server import HTTPServer, ThreadingHTTPServer
from salver.service.server import Server
from tests.classes.running import exchange, get, running
from tests.classes.tower import ANY, Blocking, Quiet
from tests.service.harness import Conversation

ROWS = [f"t{n}" for n in range(1, 8)] + [f"h{n}" for n in range(1, 9)] + ["s1", "s2", "s3", "c1", "c2", "c3"]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_its_tests(row: str) -> None:
    texts = [path.read_text() for path in Path(__file__).parent.glob("test_*.py")]
    assert sum(len(re.findall(rf"def test_{row}_", text)) for text in texts) >= 1


class InItsPlaces(Quiet):
    def __init__(self, server: Any, request: Any, client_address: Any) -> None:
        super().__init__(server, request, client_address)

    def do_GET(self) -> None:
        assert not isinstance(self.server, tuple)
        self.answer(self.client_address[0].encode())


class ByName(InItsPlaces):
    def __init__(self, request: Any, client_address: Any, server: Any) -> None:
        Quiet.__init__(self, server=server, request=request, client_address=client_address)


class TheOtherOrder(InItsPlaces):
    def __init__(self, request: Any, client_address: Any, server: Any) -> None:
        Quiet.__init__(self, server, request, client_address)


@pytest.mark.parametrize("handler_class", [InItsPlaces, ByName, TheOtherOrder])
class TestT5:
    @pytest.mark.parametrize("server_class", [HTTPServer, ThreadingHTTPServer])
    @pytest.mark.parametrize("blocking", [False, True])
    def test_t5_either_order_on_either_way(self, handler_class: type, server_class: type, blocking: bool) -> None:
        if blocking:
            handler_class = type("OnTheBlockingWay", (Blocking, handler_class), {})
        with running(server_class(ANY, handler_class)) as server:
            assert exchange(server, get()).endswith(b"\r\n\r\n127.0.0.1")

    def test_t5_either_order_where_it_is_mounted(self, handler_class: type) -> None:
        assert Conversation(as_handler(handler_class)).say(get()).reply.endswith(b"\r\n\r\n192.0.2.1")

    def test_t5_either_order_on_a_unix_socket(self, handler_class: type, tmp_path: Path) -> None:
        import socket

        with Server(as_handler(handler_class), f"unix:{tmp_path / 'here'}"), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(tmp_path / "here"))
            client.sendall(get())
            assert b" 200 " in client.recv(65_536)

"""What `send_response` writes at once is what its parts would write one by one; who replaces a part is heard, wherever
it is replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from salver.classes.adapter import ClassHandler, Elsewhere
from salver.server import BaseHTTPRequestHandler
from tests.service.harness import Conversation

_REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", 2)
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, *args: Any) -> None:
        pass


def answer(handler: type[BaseHTTPRequestHandler]) -> bytes:
    conversation = Conversation(ClassHandler(handler, Elsewhere(), mounted=False))
    return conversation.say(_REQUEST).reply


def in_place_of(name: str, heard: list[str]) -> Callable[..., Any]:
    """What notes that it was called, and then does what it stands for."""
    original = getattr(BaseHTTPRequestHandler, name)

    def instead(*args: Any) -> Any:
        heard.append(name)
        return original(*args)

    return instead


PARTS = ("send_response_only", "send_header", "version_string", "date_time_string")


def test_it_is_what_the_parts_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)

    class InParts(Hello):
        def send_header(self, keyword: str, value: Any) -> None:
            super().send_header(keyword, value)

    assert answer(Hello) == answer(InParts)
    assert answer(Hello).startswith(
        b"HTTP/1.1 200 OK\r\nServer: Salver\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Length: 2\r\n\r\nhi"
    )


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_class_s_own_is_called(name: str) -> None:
    heard: list[str] = []
    assert answer(type("Own", (Hello,), {name: in_place_of(name, heard)})).startswith(b"HTTP/1.1 200 OK\r\n")
    assert heard


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_instance_s_own_is_called(name: str) -> None:
    heard: list[str] = []

    class Own(Hello):
        def do_GET(self) -> None:
            instead = in_place_of(name, heard)
            setattr(self, name, lambda *args: instead(self, *args))
            super().do_GET()

    assert answer(Own).startswith(b"HTTP/1.1 200 OK\r\n")
    assert heard


@pytest.mark.parametrize("name", PARTS)
def test_a_part_that_the_base_class_is_given_is_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(BaseHTTPRequestHandler, name, in_place_of(name, heard))
    assert answer(Hello).startswith(b"HTTP/1.1 200 OK\r\n")
    assert heard


def test_attributes_count() -> None:
    class Own(Hello):
        protocol_version = "HTTP/1.0"
        server_version = "Mine/1"
        sys_version = "Python"
        responses = {200: ("Fine", "")}  # noqa: RUF012 - as in the original

    assert answer(Own).startswith(b"HTTP/1.0 200 Fine\r\nServer: Mine/1 Python\r\nDate: ")


def test_what_belongs_to_a_request_ends_with_it() -> None:
    seen: list[tuple[str, str, bytes]] = []

    class Own(Hello):
        def do_POST(self) -> None:
            left, self._content = self._content, None
            seen.append((self.headers["X"], self.body, b"".join(left or ())))
            self.write_content("left behind")
            self.do_GET()

    conversation = Conversation(ClassHandler(Own, Elsewhere(), mounted=False))
    for number in b"123":
        conversation.say(b"POST / HTTP/1.1\r\nHost: a\r\nX: %c\r\nContent-Length: 1\r\n\r\n%c" % (number, number))
    assert seen == [("1", "1", b""), ("2", "2", b""), ("3", "3", b"")]


def test_a_handler_may_delete_what_was_made() -> None:
    class Own(Hello):
        def do_GET(self) -> None:
            assert self.headers["Host"] == "a"
            del self.headers
            super().do_GET()

    conversation = Conversation(ClassHandler(Own, Elsewhere(), mounted=False))
    assert conversation.say(_REQUEST, _REQUEST).statuses == [200, 200]

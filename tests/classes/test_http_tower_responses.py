"""Rows H3 and H4 of the mission: what handlers answer. Each holds on the fast way and on the blocking way."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

import pytest

from salver.protocol.reasons import REASONS
from salver.server import (
    BaseHTTPRequestHandler,
)
from tests.classes.running import exchange, get, running
from tests.classes.tower import Quiet, head_of


class TestH3:
    def test_h3_the_documents_methods(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.write_response(200, "Fine")
                self.write_header("Content-Type", "text/plain")
                self.write_content("half ")
                self.write_content("and half")
                self.send()

            def do_POST(self) -> None:
                self.write_content("never seen")
                self.write_error(404, "nothing <here>")

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
            assert reply.startswith(b"HTTP/1.1 200 Fine\r\n")
            assert reply.endswith(b"\r\n\r\nhalf and half")
            assert head_of(reply)["Content-Length"] == "13"
            reply = exchange(server, get(method="POST", body=b"x"))
        assert reply.startswith(b"HTTP/1.1 404 nothing <here>\r\n")
        assert b"nothing &lt;here&gt;" in reply
        assert b"never seen" not in reply
        assert int(head_of(reply)["Content-Length"]) == len(reply.partition(b"\r\n\r\n")[2])

    @pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b"])
    def test_h3_no_line_break_gets_into_a_field(self, serve: Any, value: str) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                with pytest.raises(ValueError, match="control character"):
                    self.send_header("Location", value)
                with pytest.raises(ValueError, match="field name"):
                    self.send_header("X: y\r\nZ", "1")
                with pytest.raises(ValueError, match="line break"):
                    self.send_response_only(200, "OK\r\nX-Evil: 1")
                self._headers_buffer = []
                self.answer(b"checked")

        with running(serve(Handler)) as server:
            assert exchange(server, get()).endswith(b"checked")

    def test_h3_an_error_page_is_escaped_and_has_its_length(self, serve: Any) -> None:
        class Handler(Quiet):
            def do_GET(self) -> None:
                self.send_error(400, "line\nbreak <b>", "<script>")

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
        assert reply.startswith(b"HTTP/1.1 400 line break <b>\r\n")
        assert b"<script>" not in reply
        assert int(head_of(reply)["Content-Length"]) == len(reply.partition(b"\r\n\r\n")[2])

    def test_h3_server_and_date(self, serve: Any) -> None:
        class Handler(Quiet):
            server_version = "Mine/1"

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
        assert head_of(reply)["Server"] == "Mine/1"
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", head_of(reply)["Date"])
        assert reply.count(b"Date: ") == reply.count(b"Server: ") == 1

    def test_h3_a_line_is_logged_for_each_request(self, serve: Any, capsys: pytest.CaptureFixture[str]) -> None:
        class Handler(Quiet):
            log_message = BaseHTTPRequestHandler.log_message

        with running(serve(Handler)) as server:
            exchange(server, get("/seen\\"))
        line = capsys.readouterr().err
        assert re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4} [\d:]{8}\] "GET /seen\\\\ HTTP/1\.1" 200 -\n', line)

    def test_h3_subclasses_override_any_of_them(self, serve: Any) -> None:
        class Handler(Quiet):
            def end_headers(self) -> None:
                self.send_header("Access-Control-Allow-Origin", "*")
                super().end_headers()

            def send_response(self, code: int, message: str | None = None) -> None:
                self.send_response_only(code, "Mine")

            def version_string(self) -> str:
                return "never"

        with running(serve(Handler)) as server:
            reply = exchange(server, get())
        assert reply.startswith(b"HTTP/1.1 200 Mine\r\n")
        assert head_of(reply)["Access-Control-Allow-Origin"] == "*"
        assert b"Server" not in reply


def test_h4_every_registered_status_has_its_reason() -> None:
    for status, reason in REASONS.items():
        assert BaseHTTPRequestHandler.RESPONSES[status] == reason.encode()
        assert BaseHTTPRequestHandler.responses[status][0]
    assert {int(status) for status in HTTPStatus} <= set(BaseHTTPRequestHandler.responses)

"""What other parsers make of the same bytes: h11 and httptools (llhttp), brought to one form.

A reading is the requests that were complete before the end or the first fault, and whether there was a fault. Each
request is (method, target, minor version, fields with lowered names, body).
"""

from __future__ import annotations

from typing import NamedTuple

import h11
import httptools

from tests.wire.driver import run

Message = tuple[str, str, str, tuple[tuple[str, str], ...], bytes]


class Reading(NamedTuple):
    """What a parser took from a stream."""

    requests: tuple[Message, ...]
    refused: bool


def by_us(data: bytes) -> Reading:
    """Salver's reading; statuses of a service's own (413, 417, a CONNECT's 501) are no faults of the message."""
    outcome = run([data], any_method=True)
    requests = tuple(
        (
            request.method,
            request.target,
            request.version[5:],
            tuple((name.lower(), value) for name, value in request.fields),
            request.body,
        )
        for request in outcome.delivered
    )
    return Reading(requests, bool(set(outcome.statuses) - {200, 405}))


def by_h11(data: bytes) -> Reading:
    """h11's reading, as a server that answers 404 to everything (a 200 would make CONNECT a tunnel)."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=65_536)
    connection.receive_data(data)
    connection.receive_data(b"")
    requests: list[Message] = []
    head: h11.Request | None = None
    body = b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                requests.append(_from_h11(head, body))
                connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE:
                    break
                connection.start_next_cycle()
            else:
                break
    except h11.RemoteProtocolError as error:
        return Reading(tuple(requests), "closed" not in str(error))
    return Reading(tuple(requests), False)


def _from_h11(head: h11.Request, body: bytes) -> Message:
    fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
    return head.method.decode(), head.target.decode(), head.http_version.decode(), fields, body


class _Collector:
    def __init__(self) -> None:
        self.requests: list[Message] = []
        self.parser = httptools.HttpRequestParser(self)

    def on_message_begin(self) -> None:
        self.target = self.body = b""
        self.fields: list[tuple[str, str]] = []
        self.in_trailers = False

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_trailers:
            self.fields.append((name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t")))

    def on_headers_complete(self) -> None:
        self.in_trailers = True
        self.method = self.parser.get_method().decode()
        self.version = self.parser.get_http_version()

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        target = self.target.decode("latin-1")
        self.requests.append((self.method, target, self.version, tuple(self.fields), self.body))


def by_httptools(data: bytes) -> Reading:
    """httptools' reading, in its strict default."""
    collector = _Collector()
    try:
        collector.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        return Reading(tuple(collector.requests), False)
    except httptools.HttpParserError:
        return Reading(tuple(collector.requests), True)
    return Reading(tuple(collector.requests), False)

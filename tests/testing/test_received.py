"""A response as a test looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from salver.protocol.client_connection import ClientConnection
from salver.protocol.heads import ResponseHead
from salver.testing.received import ReceivedResponse


class Body:
    def __init__(self, *pieces: bytes) -> None:
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        self.closed += 1


def head(*fields: bytes, status: int = 200) -> ResponseHead:
    protocol = ClientConnection()
    protocol.send_head("GET", "/", [("Host", "x")])
    protocol.receive(b"\r\n".join((b"HTTP/1.1 %d x" % status, *fields, b"Content-Length: 0", b"", b"")))
    found = protocol.next_response()
    assert found is not None
    return found


def response(*pieces: bytes, fields: tuple[bytes, ...] = ()) -> ReceivedResponse:
    return ReceivedResponse(head(*fields), "http://x/", [], Body(*pieces))


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        (b"text/plain", b"\xc3\xa9", "é"),
        (b"text/plain; charset=latin-1", b"\xe9", "é"),
        (b'text/html;Charset="utf-16-le"; x=y', "é".encode("utf-16-le"), "é"),
        (b"text/plain", b"\xff", "\ufffd"),
    ],
)
def test_text_is_decoded_as_the_head_says(content_type, body, text):
    assert response(body, fields=(b"Content-Type: " + content_type,)).text == text


@pytest.mark.parametrize("pieces", [(b"a\r\nb\n\nc",), (b"a\r", b"\nb", b"\n\n", b"c"), (b"a\n", b"b\n", b"\n", b"c")])
def test_lines_are_the_same_however_they_come(pieces):
    assert list(response(*pieces).iter_lines()) == ["a", "b", "", "c"]


def test_the_last_line_may_end():
    assert list(response(b"a\n").iter_lines()) == ["a"]


def test_a_body_is_read_once_and_kept():
    received = response(b"a", b"b")
    assert (received.content, received.content) == (b"ab", b"ab")
    assert list(received.iter_bytes()) == [b"ab"]


def test_what_is_no_json_is_an_error():
    with pytest.raises(ValueError, match="Expecting"):
        response(b"<p>").json()


def test_cookies_of_the_response():
    fields = (b"Set-Cookie: a=1; Path=/", b"Set-Cookie: b=; Max-Age=0", b"Set-Cookie: ")
    assert response(fields=fields).cookies == {"a": "1", "b": ""}


@pytest.mark.parametrize(
    ("status", "fields", "redirects"),
    [
        (302, (b"Location: /to",), True),
        (308, (b"Location: /to",), True),
        (302, (), False),
        (201, (b"Location: /made",), False),
        (304, (b"Location: /to",), False),
    ],
)
def test_what_is_a_redirect(status, fields, redirects):
    assert ReceivedResponse(head(*fields, status=status), "http://x/", [], Body()).is_redirect is redirects


def test_leaving_lets_go_of_the_body():
    body = Body()
    with ReceivedResponse(head(), "http://x/", [], body):
        assert body.closed == 0
    assert body.closed == 1

"""parse(split(x)) == parse(x), for valid messages and bent ones, in both roles; and the remembered way == the long way.

Whatever is sent, the only error is a `RemoteProtocolError` with a documented status.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.client_connection import ClientConnection
from salver.protocol.errors import RemoteProtocolError
from tests.protocol.strategies import bent, cut, request_bytes, response_bytes
from tests.wire.driver import DOCUMENTED, in_bytes, run

streams = st.lists(request_bytes(), min_size=1, max_size=3).map(b"".join)


@given(st.data())
def test_requests(data: st.DataObject) -> None:
    stream = data.draw(streams)
    whole = run([stream])
    assert set(whole.statuses) <= {200, 501}
    assert run(data.draw(cut(stream))) == whole
    assert run(in_bytes(stream)) == whole
    assert run([stream], forgetful=True) == whole


@given(st.data())
def test_bent_requests(data: st.DataObject) -> None:
    stream = data.draw(streams.flatmap(bent))
    whole = run([stream])
    assert set(whole.statuses) <= DOCUMENTED | {200}
    assert run(data.draw(cut(stream))) == whole
    assert run(in_bytes(stream)) == whole
    assert run([stream], forgetful=True) == whole


@given(st.data())
def test_the_remembered_way_is_the_long_way(data: st.DataObject) -> None:
    """Sections that come again, with other lines, other versions, and bent."""
    first = data.draw(request_bytes())
    line_end = first.index(b"\r\n", 2) if first.startswith(b"\r\n") else first.index(b"\r\n")
    rest = first[line_end:]
    lines = st.sampled_from(
        [
            b"GET / HTTP/1.1",
            b"POST /b?c HTTP/1.1",
            b"CONNECT / HTTP/1.1",
            b"GET * HTTP/1.1",
            b"GET / HTTP/1.0",
            b"GET /a b HTTP/1.1",
            b"GET http://a/ HTTP/1.1",
            b"GET /\xe9 HTTP/1.1",
            b"\r\nGET / HTTP/1.1",
            b"GET / HTTP/2.0",
            b"x /#a HTTP/1.1",
            b"",
        ]
    )
    again = data.draw(st.lists(lines, min_size=1, max_size=3))
    messages = [first, *(line + rest for line in again)]
    assert run(messages) == run(messages, forgetful=True) == run([b"".join(messages)])
    assert run(in_bytes(b"".join(messages))) == run(messages)


def read_responses(pieces: list[bytes], method: str) -> object:
    """All that a client takes from `pieces`, or the word that it was refused."""
    client = ClientConnection()
    client.send_head(method, "/", [("Host", "a")])
    taken: list[object] = []
    body = b""
    try:
        for piece in [*pieces, None]:
            if piece is None:
                client.receive_eof()
            else:
                client.receive(piece)
            while (head := client.next_response()) is not None:
                taken.append((head.status, head.reason, head.headers.fields))
            body += client.read_body()
    except RemoteProtocolError:
        return "refused", taken
    return taken, body, list(client.trailers), client.buffered, client.body_complete, client.keep_alive


@given(st.data(), st.sampled_from(["GET", "HEAD"]), st.booleans())
def test_responses(data: st.DataObject, method: str, whole_messages: bool) -> None:
    messages = st.lists(response_bytes(), min_size=1, max_size=2).map(b"".join)
    stream = data.draw(messages if whole_messages else messages.flatmap(bent))
    whole = read_responses([stream], method)
    assert read_responses(data.draw(cut(stream)), method) == whole
    assert read_responses(in_bytes(stream), method) == whole


@given(st.binary(max_size=200), st.data())
def test_any_bytes(stream: bytes, data: st.DataObject) -> None:
    whole = run([stream])
    assert set(whole.statuses) <= DOCUMENTED | {200}
    assert run(data.draw(cut(stream))) == whole
    assert read_responses([stream], "GET") == read_responses(in_bytes(stream), "GET")

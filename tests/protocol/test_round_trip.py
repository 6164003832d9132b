"""What one role writes the other reads as the same: serialise, then parse, is the identity, in both directions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from salver.protocol.client_connection import ClientConnection
from salver.protocol.server_connection import ServerConnection
from tests.protocol.strategies import Fields, Request, free_fields, pieces, requests, trailers


def write_request(client: ClientConnection, request: Request) -> bytes:
    length = None if request.chunks is not None else len(request.body)
    head = client.send_head(request.method, request.target, request.fields, length)
    body = b"".join(map(client.send_body, request.chunks if request.chunks is not None else [request.body]))
    return head + body + client.end_body(request.trailers)


def free(fields: Fields) -> Fields:
    """The fields without what the connection writes by itself."""
    own = ("content-length", "transfer-encoding", "connection")
    return [(name, value) for name, value in fields if name.lower() not in own]


@given(st.lists(requests(), min_size=1, max_size=3), st.booleans())
def test_a_request_then_its_response(exchanges: list[Request], in_one: bool) -> None:
    client, server = ClientConnection(), ServerConnection()
    for request in exchanges:
        server.receive(write_request(client, request))
        head = server.next_request()
        assert head is not None
        assert (head.method, head.target, head.version) == (request.method, request.target, "HTTP/1.1")
        assert free(head.headers.fields) == request.fields
        assert server.read_body() == request.body
        assert server.body_complete
        assert list(server.trailers) == request.trailers
        client.receive(answer(server, request, in_one))
        response = client.next_response()
        assert response is not None
        assert (response.status, response.reason) == (200, "OK")
        assert free(response.headers.fields) == request.fields
        assert client.read_body() == (b"" if request.method == "HEAD" else request.body)
        assert client.body_complete
        server.start_next()
        client.start_next()


def answer(server: ServerConnection, request: Request, in_one: bool) -> bytes:
    """The request's own fields and body, sent back."""
    if in_one:
        return server.respond(200, request.fields, request.body)
    head = server.send_head(200, request.fields, None)
    body = b"".join(map(server.send_body, request.chunks or [request.body])) if server.room != 0 else b""
    return head + body + server.end_body()


@given(
    status=st.integers(100, 599).filter(lambda status: status != 101),
    reason=st.none() | st.text("ab \t\xff", max_size=5),
    fields=free_fields,
    chunks=pieces,
    ending=trailers,
    version=st.sampled_from(["1.0", "1.1"]),
    method=st.sampled_from(["GET", "HEAD"]),
    counted=st.booleans(),
)
def test_any_response(
    status: int,
    reason: str | None,
    fields: Fields,
    chunks: list[bytes],
    ending: Fields,
    version: str,
    method: str,
    counted: bool,
) -> None:
    server, client = ServerConnection(), ClientConnection()
    client.send_head(method, "/", [("Host", "a")])
    server.receive(f"{method} / HTTP/{version}\r\nHost: a\r\n\r\n".encode())
    assert server.next_request() is not None
    body = b"".join(chunks)
    data = server.send_head(status, fields, len(body) if counted else None, reason=reason)
    bodiless = server.room == 0
    chunked = server.room is None and version == "1.1"
    data += b"" if bodiless else b"".join(map(server.send_body, chunks))
    data += server.end_body(ending)
    client.receive(data)
    if status < 200 and version == "1.0":
        assert data == b""
        return
    response = client.next_response()
    assert response is not None
    assert response.status == status
    assert reason is None or response.reason == reason
    assert free(response.headers.fields) == fields
    if status < 200:
        return
    if not server.keep_alive:
        client.receive_eof()
    assert client.read_body() == (b"" if bodiless else body)
    assert client.body_complete
    assert list(client.trailers) == (ending if chunked else [])
    assert client.keep_alive == server.keep_alive

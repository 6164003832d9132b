"""The test client: requests as a test writes them, through the protocol and the service, to anything that is served.

The client keeps cookies and connections as a browser does, and raises in the test what a handler has raised. What
brings bytes to the server and back is a `Link`; this file does not know what kind of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypedDict, Unpack

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.headers import FieldPairs, Headers
from salver.protocol.heads import ResponseHead
from salver.service.settings import Settings
from salver.testing.cookies import Cookies
from salver.testing.exchange import Conversation
from salver.testing.memory import Link
from salver.testing.received import ReceivedResponse
from salver.testing.request_bodies import NO_BODY, Content, FormData, Pairs, RequestBody, Uploads, make_body
from salver.testing.servers import Servers
from salver.testing.targets import Place, place_of

__all__ = ["RedirectError", "RequestOptions", "TestClient"]

_MOST_REDIRECTS = 20


class RedirectError(Exception):
    """A redirect that was to be followed and cannot be: too many in a row, to another host, of a body that is gone."""


class RequestOptions(TypedDict, total=False):
    """What a request may be given beside its method and path."""

    params: Pairs  # for the query: a mapping or pairs; a list as a value stands for the name as often
    headers: FieldPairs  # these go before the client's own of the same name
    cookies: Mapping[str, str]  # for this request alone, beside those that the client keeps
    content: Content  # the body as it is: bytes, str, or an iterable of bytes, which is sent in chunks
    data: FormData  # the body as a form: a mapping or pairs; with `files` beside it, multipart
    json: Any  # the body as JSON; None stands for no body
    files: Uploads  # {"field": b"…"} or a file or ("name.txt", file) or ("name.txt", file, "text/plain"), or a list
    follow_redirects: bool  # else as the client is told


class TestClient:
    """A client of one application, in one process, without a socket. Use it in a `with` statement, or `close` it.

    A handler runs in the thread that asks, and what it raises is raised there. For one thread at a time; make a client
    for each, as a browser is for one person.
    """

    __test__: ClassVar[bool] = False  # the name is no invitation to pytest

    def __init__(
        self,
        app: Any,
        *,
        client: tuple[str, int] = ("127.0.0.1", 50_000),
        scheme: str = "http",
        host: str = "testserver",
        headers: FieldPairs | None = None,
        follow_redirects: bool = False,
        raise_server_exceptions: bool = True,
        settings: Settings | None = None,
    ) -> None:
        """`app`: what `as_any_handler` takes (a handler, an App, a WSGI application, a folder's path), or a handler
        class, also one of the standard library's, or a `functools.partial` of one. A WSGI application that does not
        show that it is one is given as `WSGI(app)`.

        `client` is the address that the app sees, `host` what the Host field says, `headers` go with every request.
        `raise_server_exceptions` False: a handler that raises is a 500, as for any client. `settings`: limits and
        time-outs other than the server's usual ones. Raises TypeError for what cannot be served.
        """
        self._servers = Servers(app, client, settings=settings, raises=raise_server_exceptions)
        self._base = Place(scheme, host, "/")
        self._headers = Headers(headers)
        self._follows = follow_redirects
        self._raises = raise_server_exceptions
        self._idle: dict[str, list[Conversation]] = {}  # by scheme
        self.cookies = Cookies()
        """What the app has set and the test adds: `client.cookies["name"] = "value"`."""

    # Requests

    def get(self, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """GET; see `request`."""
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """HEAD; see `request`."""
        return self.request("HEAD", path, **options)

    def options(self, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """OPTIONS; see `request`."""
        return self.request("OPTIONS", path, **options)

    def post(self, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """POST; see `request`."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """PUT; see `request`."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """PATCH; see `request`."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """DELETE; see `request`."""
        return self.request("DELETE", path, **options)

    def request(self, method: str, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """The response, read to its end. `path` begins with "/" and may have a query; a whole URL names another host.

        Raises what the handler has raised (see the class); ConnectionError where the server ended the connection
        instead of answering; `LocalProtocolError` for a request that no client may send, ValueError and TypeError for
        arguments that make none; `RedirectError`.
        """
        response = self._request(method, path, streams=False, **options)
        _ = response.content
        return response

    def stream(self, method: str, path: str, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        """As `request`, with the body still to come: the app makes its next piece when the test asks for it.

        with client.stream("GET", "/events") as response:
            for line in response.iter_lines(): ...
        """
        return self._request(method, path, streams=True, **options)

    def _request(self, method: str, path: str, *, streams: bool, **options: Unpack[RequestOptions]) -> ReceivedResponse:
        follows = options.get("follow_redirects", self._follows)
        place = place_of(path, options.get("params"), self._base)
        body = make_body(options.get("content"), options.get("data"), options.get("json"), options.get("files"))
        history: list[ReceivedResponse] = []
        while True:
            response = self._send(method, place, body, options, streams=streams, history=history)
            if not (follows and response.is_redirect):
                return response
            _ = response.content
            history = [*history, response]
            if len(history) > _MOST_REDIRECTS:
                raise RedirectError(f"{place.url} is redirect number {len(history)} of one request")
            method, body = _redirected(method, body, response.status)
            place = _followed(place, response.headers["Location"])

    def _send(
        self,
        method: str,
        place: Place,
        body: RequestBody,
        options: RequestOptions,
        *,
        streams: bool,
        history: list[ReceivedResponse],
    ) -> ReceivedResponse:
        fields = self._fields(place, body, options)
        conversation, head = self._ask(method, place, fields, body, streams=streams)
        self._raise_failure(conversation)
        self.cookies.receive(head.section.headers.get_all("Set-Cookie"), place.scheme, place.host_name, place.path)
        return ReceivedResponse(head, place.url, history, _Body(self, conversation, place.scheme))

    def _fields(self, place: Place, body: RequestBody, options: RequestOptions) -> list[tuple[str, str]]:
        """The client's own fields, but those that the test has given."""
        given = [*Headers(options.get("headers")).fields]
        names = {name.lower() for name, _ in given}
        given = [*(field for field in self._headers.fields if field[0].lower() not in names), *given]
        names = {name.lower() for name, _ in given}
        cookie = self.cookies.field(place.scheme, place.host_name, place.path, options.get("cookies") or {})
        own = [("Host", place.host), ("User-Agent", "salver-test-client"), ("Accept", "*/*")]
        own += [("Cookie", cookie)] if cookie else []
        own += [("Content-Type", body.content_type)] if body.content_type else []
        return [*(field for field in own if field[0].lower() not in names), *given]

    # Connections

    def connect(self, *, scheme: str | None = None) -> Link:
        """A connection for bytes of the test's own making: `send(data)`, `recv(size)`, `close()`. It is the test's."""
        return self._servers.connect(scheme or self._base.scheme, streams=False)

    def _ask(
        self, method: str, place: Place, fields: list[tuple[str, str]], body: RequestBody, *, streams: bool
    ) -> tuple[Conversation, ResponseHead]:
        """On a connection that is kept, or, where there is none, on a new one."""
        idle = self._idle.setdefault(place.scheme, [])
        if idle and not (streams and self._servers.streams_elsewhere):
            conversation = idle.pop()
        else:
            conversation = Conversation(self._servers.connect(place.scheme, streams=streams))
        try:
            return conversation, conversation.ask(method, place.target, fields, body)
        except BaseException:
            conversation.close()
            self._raise_failure(conversation)
            raise

    def _keep(self, conversation: Conversation, scheme: str) -> None:
        """The response has been read: the connection is for the next request."""
        self._raise_failure(conversation)
        if conversation.reusable:
            self._idle.setdefault(scheme, []).append(conversation)
        else:
            conversation.close()

    def _raise_failure(self, conversation: Conversation) -> None:
        failures = conversation.link.failures
        if failures and self._raises:
            conversation.close()
            raise failures.pop(0)

    def close(self) -> None:
        """End the connections that are kept; idempotent, and the client may be used again."""
        kept, self._idle = self._idle, {}
        for conversation in [each for idle in kept.values() for each in idle]:
            conversation.close()

    def __enter__(self) -> TestClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Body:
    """The pieces of one response. Where its end has been seen the connection goes back to the client, otherwise it is
    closed."""

    def __init__(self, client: TestClient, conversation: Conversation, scheme: str) -> None:
        self._client = client
        self._conversation = conversation
        self._scheme = scheme
        self._pieces = conversation.pieces()
        self._over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._pieces, None)
        except (OSError, RemoteProtocolError):
            self.close()
            self._client._raise_failure(self._conversation)
            raise
        if piece is not None:
            return piece
        if not self._over:
            self._over = True
            self._client._keep(self._conversation, self._scheme)
        raise StopIteration

    def close(self) -> None:
        if not self._over:
            self._over = True
            self._conversation.close()


def _redirected(method: str, body: RequestBody, status: int) -> tuple[str, RequestBody]:
    """The next request's method and body, as browsers choose them (RFC 9110 §15.4)."""
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        return "GET", NO_BODY
    if body.length is None:
        raise RedirectError(f"a {status} asks for the body again, and an iterable can be sent once")
    return method, body


def _followed(place: Place, location: str) -> Place:
    there = place.follow(location)
    if there.host_name != place.host_name:
        text = f"{place.url} leads to {there.url}, which is not this app's; ask with follow_redirects=False"
        raise RedirectError(text)
    return there

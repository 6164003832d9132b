"""One request sent and its response begun: a connection taken, the exchange made, tried anew where that is safe.

Redirects, cookies and authentication are above this; the pool and the sockets below. The body of the response hangs
on its connection, which goes back to the pool at the body's end, or is closed before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from salver.client.connections import Connections, Route
from salver.client.content import Content
from salver.client.errors import ClientError, TotalTimedOut
from salver.client.link import Link, Outgoing
from salver.client.message import Request
from salver.client.proxies import Proxies, ProxyURL
from salver.client.redirects import STATUSES as REDIRECTS
from salver.client.response import Response
from salver.client.retries import Retries
from salver.client.timeouts import Deadline
from salver.protocol.heads import ResponseHead


class LinkedBody:
    """The body of a response on its connection. See `BodyReader`."""

    __slots__ = ("_connections", "_deadline", "_head", "_link", "_url", "trailers")

    def __init__(self, link: Link, head: ResponseHead, connections: Connections, deadline: Deadline, url: str) -> None:
        self._link: Link | None = link
        self._head = head
        self._connections = connections
        self._deadline = deadline
        self._url = url
        self.trailers: Sequence[tuple[str, str]] = ()
        if link.protocol.body_complete:
            self._end(link)

    def read(self) -> bytes:
        link = self._link
        if link is None:
            return b""
        try:
            data = link.read(self._deadline)
        except ClientError as error:
            self.close()
            error.url = error.url or self._url
            raise
        except BaseException:
            self.close()
            raise
        if link.protocol.body_complete:
            self._end(link)
        return data

    def _end(self, link: Link) -> None:
        self._link = None
        self.trailers = link.protocol.trailers
        self._connections.give_back(link, self._head)

    def close(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self._connections.discard(link)

    def __del__(self) -> None:
        if self._link is not None:  # a stream that nobody closed must not hold a place in the pool for ever
            self.close()


class Sender:
    """Sends single requests. Safe to use from several threads."""

    def __init__(
        self,
        connections: Connections,
        proxies: Proxies,
        retries: Retries,
        max_content: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connections = connections
        self._proxies = proxies
        self._retries = retries
        self._max_content = max_content
        self._sleep = sleep

    def send(self, request: Request, deadline: Deadline, *, collect: bool) -> Response:
        """The response to `request`, with its content where `collect` (but for redirects): a connection that is lost
        in the middle of it is then tried anew. Raises a `ClientError` with the URL."""
        route, outgoing = self._prepared(request)
        attempt = 1
        while True:
            wait: float | None
            link: Link | None = None
            try:
                link = self._connections.take(route, deadline)
                response = self._attempt(link, request, outgoing, deadline)
                if collect and response.status not in REDIRECTS:
                    response.read()
            except ClientError as error:
                error.url = error.url or str(request.url)
                wait = self._retries.after_error(request, error, attempt, sent=link is not None)
                if wait is None:
                    raise
            else:
                if response.status < 400 or not self._retries.statuses:
                    return response
                again = response.headers.get("retry-after")
                wait = self._retries.after_response(request, response.status, again, attempt)
                if wait is None:
                    return response
                response.close()
            self._pause(wait, deadline, request)
            attempt += 1

    def _attempt(self, link: Link, request: Request, outgoing: Outgoing, deadline: Deadline) -> Response:
        begun = time.perf_counter()
        try:
            head = link.exchange(outgoing, deadline)
        except BaseException:
            self._connections.discard(link)
            raise
        elapsed = time.perf_counter() - begun
        body = LinkedBody(link, head, self._connections, deadline, str(request.url))
        return Response(head, request, body, elapsed, self._max_content)

    def _prepared(self, request: Request) -> tuple[Route, Outgoing]:
        url = request.url
        fields = list(request.headers)
        if request.header("host") is None:
            fields.insert(0, ("Host", url.host_field))
        target = url.target
        proxy = self._proxies.for_url(url) if self._proxies else ""
        if proxy and url.origin.scheme == "http":
            parsed = ProxyURL.parse(proxy)
            if parsed.takes_absolute_form:
                target = f"http://{url.host_field}{target}"
                if parsed.authorization is not None:
                    fields.append(("Proxy-Authorization", parsed.authorization))
        content: bytes | Content = request.content
        return Route(url.origin, proxy), Outgoing(request.method, target, fields, content, request.expects)

    def _pause(self, seconds: float, deadline: Deadline, request: Request) -> None:
        if seconds <= 0:
            return
        left = deadline.left()
        if left is not None and left <= seconds:
            raise TotalTimedOut(f"the exchange took more than {deadline.timeout.total} s", str(request.url))
        self._sleep(seconds)

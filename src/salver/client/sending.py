"""One request sent and its response begun: a connection taken, the exchange made, tried anew where that is safe.

Redirects, cookies and authentication are above this; the pool and the sockets below. The body of the response hangs
on its connection, which goes back to the pool at the body's end, or is closed before it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

from salver.client.connections import Connections, Route
from salver.client.content import Content
from salver.client.errors import ClientError, InvalidRequest, TotalTimedOut
from salver.client.link import Link, Outgoing
from salver.client.message import Request
from salver.client.proxies import Proxies, ProxyURL
from salver.client.redirects import STATUSES as REDIRECTS
from salver.client.response import Response
from salver.client.retries import Retries, retry_after
from salver.client.timeouts import Deadline
from salver.client.url import URL
from salver.client.wire import Passed
from salver.protocol.client_connection import prepare_head
from salver.protocol.errors import LocalProtocolError
from salver.protocol.heads import ResponseHead

_EXPECTATION_FAILED = 417  # RFC 9110 §10.1.1: the same again, without an Expect


class LinkedBody:
    """The body of a response on its connection. See `BodyReader`."""

    __slots__ = ("_connections", "_deadline", "_head", "_link", "_url", "trailers")

    def __init__(self, link: Link, head: ResponseHead, connections: Connections, deadline: Deadline, url: URL) -> None:
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
            error.url = error.url or str(self._url)
            raise
        except Passed as passed:
            self.close()
            raise passed.error from None
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
        link: Link | None = getattr(self, "_link", None)  # an interrupt may have come before that
        if link is not None:  # a stream that nobody closed must not hold a place in the pool for ever
            self._connections.abandon(link)


class Prepared(NamedTuple):
    """A request with the way it goes and its head encoded."""

    request: Request
    route: Route
    outgoing: Outgoing


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

    def prepare(self, request: Request) -> Prepared:
        """All of a request that is the same however often it is sent. Raises `InvalidRequest`."""
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
        content = request.content
        length = len(content) if isinstance(content, bytes) else content.length
        try:
            head = prepare_head(request.method, target, fields, length)
        except LocalProtocolError as error:
            raise InvalidRequest(f"the request cannot be sent: {error}", str(url)) from None
        if length is not None and head.promised != length:  # no server would answer before the rest came
            raise InvalidRequest(f"Content-Length says {head.promised}, the content has {length} bytes", str(url))
        return Prepared(request, Route(url.origin, proxy), Outgoing(head, content, request.expects))

    def send(self, prepared: Prepared, deadline: Deadline, *, collect: bool) -> Response:
        """The response to a request, with its content where `collect` (but for redirects): a connection that is lost
        in the middle of it is then tried anew. Raises a `ClientError` with the URL."""
        attempt = 1
        while True:
            link: Link | None = None
            try:
                link = self._connections.take(prepared.route, deadline)
                response = self._attempt(link, prepared, deadline)
                if collect and response.status not in REDIRECTS:
                    response.read()
            except ClientError as error:
                error.url = error.url or str(prepared.request.url)
                wait = self._retries.after_error(prepared.request, error, attempt, sent=link is not None)
                if wait is None:
                    raise
            else:
                if response.status == _EXPECTATION_FAILED and _may_do_without(prepared.request):
                    response.close()
                    prepared = self.prepare(prepared.request.without_expectation())
                    continue
                wait = self._wait_for_another(prepared.request, response, attempt)
                if wait is None:
                    return response
                response.close()
            self._pause(wait, deadline, prepared.request)
            attempt += 1

    def _wait_for_another(self, request: Request, response: Response, attempt: int) -> float | None:
        retries = self._retries
        if not retries.statuses or response.status < 400:
            return None
        asked = retry_after(response.headers.get("retry-after"), time.time())
        return retries.after_response(request, response.status, asked, attempt)

    def _attempt(self, link: Link, prepared: Prepared, deadline: Deadline) -> Response:
        begun = perf_counter()
        try:
            head = link.exchange(prepared.outgoing, deadline)
        except Passed as passed:
            self._connections.discard(link)
            raise passed.error from None
        except BaseException:
            self._connections.discard(link)
            raise
        elapsed = perf_counter() - begun
        body = LinkedBody(link, head, self._connections, deadline, prepared.request.url)
        return Response(head, prepared.request, body, elapsed, self._max_content)

    def _pause(self, seconds: float, deadline: Deadline, request: Request) -> None:
        if seconds <= 0:
            return
        left = deadline.left()
        if left is not None and left <= seconds:
            raise TotalTimedOut(f"the exchange took more than {deadline.timeout.total} s", str(request.url))
        self._sleep(seconds)


def _may_do_without(request: Request) -> bool:
    """It had an expectation, and its content is still there to be sent without one."""
    return request.expects and not (isinstance(request.content, Content) and request.content.is_gone)

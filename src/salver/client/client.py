"""The client: what is common to many requests, and what one request goes through.

A request is built from the client's own defaults and what the caller gives; then it is sent, its cookies kept, its
redirects followed, its 401 answered. Each of these steps is a module of its own; this file puts them in order. The
connections are kept and used again, by as many threads as there are.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Unpack

from salver.client.arguments import HeadersLike, RequestOptions, check_names
from salver.client.auth import Auth, AuthLike, Netrc, as_auth, auth_for_url
from salver.client.building import ClientHeaders, carrying, fitting_range, merged, own_headers
from salver.client.connections import Connections, Transport
from salver.client.content import Content
from salver.client.cookies import CookieJar
from salver.client.dialling import Dialler
from salver.client.errors import BrokenResponse, ClientError, InvalidRequest, TooManyRedirects
from salver.client.message import Request
from salver.client.net_transport import NetTransport
from salver.client.pool import PoolLimits
from salver.client.proxies import Proxies, ProxyLike
from salver.client.redirects import STATUSES as REDIRECTS
from salver.client.redirects import next_request
from salver.client.response import Response
from salver.client.retries import Retries
from salver.client.sending import Prepared, Sender
from salver.client.timeouts import DEFAULT_TIMEOUT, Deadline, Timeout, TimeoutLike, as_timeout
from salver.client.tls import Cert, TLSSettings, Verify
from salver.client.url import URL, Params, parse_url
from salver.protocol.grammar import TOKEN
from salver.protocol.headers import MutableHeaders

if TYPE_CHECKING:
    from salver.client.downloads import Downloaded, Progress

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_DRAINED = 65_536  # bytes of a redirect's body that are read so that its connection can be used again
_DRAIN_SECONDS = 1.0  # that they may take, so that one who drips does not hold us
_READY_MAX = 256  # requests without options that are kept encoded
_USUAL = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
_CARRIERS = frozenset(("content", "data", "files", "json"))


@dataclass(frozen=True, slots=True)
class _Exchange:
    """What one call gives every request that it makes."""

    deadline: Deadline
    auth: Auth | None
    cookies: Mapping[str, str]
    collect: bool

    def for_strangers(self) -> _Exchange:
        """The same for another origin than the caller named."""
        return replace(self, auth=None, cookies={})


class Client:
    """Safe to use from several threads; `close` it at the end, or use it in a `with`.

    `base_url` goes before every URL that has no scheme of its own. `headers`, `params`, `cookies` and `auth` go with
    every request. `timeout`: see `Timeout`; a number holds for every kind of waiting. `retries`: a number of
    repetitions of what was lost on its way, or `Retries`. `limits`: see `PoolLimits`. `verify` and `cert`: see
    `TLSSettings`. `proxy`: a URL, or one for each scheme, False for none; by default, and with `trust_env`, what the
    environment says. `follow_redirects`, at most `max_redirects`. `max_content`: bytes of content that are collected;
    what is streamed has no limit. `unix_socket`: the path of a socket that every request goes to. `transport`: where
    connections come from, instead of the network.
    """

    def __init__(  # noqa: PLR0913 - keywords, each of which a user of other clients looks for
        self,
        *,
        base_url: str = "",
        headers: HeadersLike = None,
        params: Params = None,
        cookies: Mapping[str, str] | CookieJar | None = None,
        auth: AuthLike = None,
        timeout: TimeoutLike = DEFAULT_TIMEOUT,
        retries: int | Retries = 3,
        limits: PoolLimits = PoolLimits(),  # noqa: B008 - immutable
        verify: Verify = True,
        cert: Cert = None,
        proxy: ProxyLike = None,
        trust_env: bool = True,
        follow_redirects: bool = True,
        max_redirects: int = 20,
        max_content: int = 268_435_456,
        unix_socket: str | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._base = parse_url(base_url) if base_url else None
        self._params = params
        self._auth = as_auth(auth)
        self._netrc = Netrc() if trust_env else None
        self._follow = follow_redirects
        self._max_redirects = max_redirects
        self._timeout = as_timeout(timeout)
        self.cookies = cookies if isinstance(cookies, CookieJar) else CookieJar()
        self._extra_cookies = {} if cookies is None or isinstance(cookies, CookieJar) else dict(cookies)
        self._ready: dict[tuple[str, str], Prepared] = {}
        self._headers = ClientHeaders(merged(own_headers(), headers), self._ready.clear)
        over_network = transport is None and unix_socket is None
        if transport is None:
            transport = NetTransport(Dialler(), TLSSettings(verify, cert), unix_socket)
        environ = os.environ if trust_env and over_network else None
        repeated = Retries(lost=retries) if isinstance(retries, int) else retries
        self._connections = Connections(transport, limits)
        self._sender = Sender(self._connections, Proxies(proxy, environ), repeated, max_content)
        # What a call without options gives its requests; a total time-out begins with each.
        self._plain = _Exchange(Deadline(self._timeout), self._auth, self._extra_cookies, collect=True)

    @property
    def headers(self) -> MutableHeaders:
        """What goes with every request; to be changed before the client is shared between threads."""
        return self._headers

    @property
    def timeout(self) -> Timeout:
        """What holds for a request that names none."""
        return self._timeout

    # Requests

    def request(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Response:
        """The response to one request, redirects followed; `options` are those of `RequestOptions`.

        With `stream` the response holds its connection until it is read to its end or closed. Raises a `ClientError`; a
        status of 400 and above is no error before `raise_for_status`.
        """
        if options:
            check_names(options)
            return self._request(self._sender.prepare(self._build(method, url, options)), options)
        ready = self._ready.get((method, url))
        if ready is None:
            ready = self._sender.prepare(self._build(method, url, options))
            if self._auth_of(ready.request) is not None or self._auth is not None:
                return self._request(ready, options)
            self._remember(method, url, ready)
        exchange = self._plain
        if exchange.deadline.is_set:
            exchange = replace(exchange, deadline=Deadline(self._timeout))
        return self._follow_from(ready, exchange, follow=self._follow)

    def _remember(self, method: str, url: str, ready: Prepared) -> None:
        if len(self._ready) >= _READY_MAX:
            self._ready.clear()
        self._ready[method, url] = ready

    def _request(self, prepared: Prepared, options: RequestOptions) -> Response:
        deadline = Deadline(as_timeout(options["timeout"]) if "timeout" in options else self._timeout)
        auth = as_auth(options["auth"]) if "auth" in options else self._auth_of(prepared.request)
        collect = not options.get("stream", False)
        exchange = _Exchange(deadline, auth, self._cookies_with(options.get("cookies")), collect)
        return self._follow_from(prepared, exchange, follow=options.get("follow_redirects", self._follow))

    @contextlib.contextmanager
    def stream(self, method: str, url: str, **options: Unpack[RequestOptions]) -> Iterator[Response]:
        """As `request`, for the `with` statement: the content is read from the response as it arrives, and the
        connection is free again at the end."""
        options["stream"] = True
        response = self.request(method, url, **options)
        try:
            yield response
        finally:
            response.close()

    def get(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """GET; see `request`."""
        return self.request("GET", url, **options)

    def head(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """HEAD; see `request`. Redirects are followed."""
        return self.request("HEAD", url, **options)

    def options(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """OPTIONS; see `request`."""
        return self.request("OPTIONS", url, **options)

    def post(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """POST; see `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """PUT; see `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """PATCH; see `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Unpack[RequestOptions]) -> Response:
        """DELETE; see `request`."""
        return self.request("DELETE", url, **options)

    def download(
        self,
        url: str,
        path: str | os.PathLike[str],
        *,
        resume: bool = True,
        restarts: int = 5,
        progress: Progress | None = None,
        **options: Unpack[RequestOptions],
    ) -> Downloaded:
        """GET into the file `path`, which is there when it is whole, in the place of one of this name; until then the
        bytes are in `path` + ".part". In a folder, the file is called as the server says (which replaces no file
        there), or as the URL's path ends.

        With `resume`, what an earlier attempt left of the same representation is gone on with. A connection that breaks
        is followed by another one for the rest, `restarts` times in a row without a new byte. `progress(done, total)`
        is called with bytes, `total` None where nobody has said. The `total` time-out holds for each request.

        Raises a `ClientError` (`StatusError` for 4xx and 5xx), OSError for the file; the partial file then stays where
        it can be gone on with.
        """
        from salver.client.downloads import DownloadSettings, download

        return download(self, url, path, DownloadSettings(resume, progress, restarts), options)

    # What a request goes through

    def _build(self, method: str, url: str, options: RequestOptions) -> Request:
        target = self._url(url)
        if self._params is not None:
            target = target.with_params(self._params)
        if options.get("params") is not None:
            target = target.with_params(options["params"])
        if method.upper() in _USUAL:  # methods are case-sensitive (RFC 9110 §9.1), and nobody means another by "get"
            method = method.upper()
        if not method.isascii() or not TOKEN.fullmatch(method.encode()):
            raise InvalidRequest(f"{method!r} is no method")
        fields = self._headers.fields
        if options.get("headers"):
            fields = merged(fields, options["headers"])
            fields = fitting_range(fields, options["headers"])
        request = Request(method, target, fields)
        return request if options.keys().isdisjoint(_CARRIERS) else carrying(request, options)

    def _cookies_with(self, more: Mapping[str, str] | None) -> Mapping[str, str]:
        return self._extra_cookies if not more else {**self._extra_cookies, **more}

    def _url(self, url: str) -> URL:
        if not isinstance(url, str):
            raise TypeError(f"a URL is a str, not {type(url).__name__}")
        if self._base is None or _SCHEME.match(url):
            return parse_url(url)
        if url.startswith("//"):
            raise InvalidRequest(f"{url!r} is not a path below the client's base_url")
        base = self._base
        is_below = url and not url.startswith(("?", "#"))
        return base.join(base.path.rstrip("/") + "/" + url.lstrip("/") if is_below else url)

    def _auth_of(self, request: Request) -> Auth | None:
        found = self._auth
        if request.url.user is not None or (found is None and self._netrc is not None):
            found = auth_for_url(request.url, self._netrc)
        # A field of the caller's own is meant.
        return None if found is not None and request.header("authorization") is not None else found

    def _follow_from(self, prepared: Prepared, exchange: _Exchange, *, follow: bool) -> Response:
        response = self._send(prepared, exchange)
        if response.status not in REDIRECTS:
            return response
        if follow:
            return self._follow_on(prepared.request, response, exchange)
        if exchange.collect:
            response.read()
        return response

    def _follow_on(self, request: Request, response: Response, exchange: _Exchange) -> Response:
        """`request`: as the caller asked; what was sent may have had cookies and credentials that the next one has
        not."""
        history: list[Response] = []
        origin = request.url.origin
        while True:
            following = self._next(request, response, len(history))
            if following is None:
                if exchange.collect:
                    response.read()
                return response
            request = following
            _drain(response)
            history.append(response)
            if request.url.origin != origin:  # what was given for one origin goes to no other
                exchange = exchange.for_strangers()
            response = self._send(self._sender.prepare(request), exchange)
            response.history = list(history)

    def _next(self, request: Request, response: Response, count: int) -> Request | None:
        try:
            following = next_request(request, response.status, _location(response))
            if following is not None and count >= self._max_redirects:
                raise TooManyRedirects(f"redirected more than {self._max_redirects} times", response.url)
        except ClientError:
            response.close()
            raise
        return following

    def _send(self, prepared: Prepared, exchange: _Exchange) -> Response:
        auth = exchange.auth
        if auth is None:
            return self._send_with_cookies(prepared, exchange)
        request = auth.prepare(prepared.request)
        response = self._send_with_cookies(self._sender.prepare(request), exchange)
        again = auth.answer(request, response) if response.status == 401 else None
        if again is None:
            return response
        _drain(response)
        if isinstance(again.content, Content) and again.content.is_gone:
            raise InvalidRequest(
                "asked who we are by 401, but the content was an iterator and is gone; give bytes or a file",
                response.url,
            )
        return self._send_with_cookies(self._sender.prepare(again), exchange)

    def _send_with_cookies(self, prepared: Prepared, exchange: _Exchange) -> Response:
        if exchange.cookies or self.cookies:
            request = prepared.request
            value = self.cookies.header_for(request.url, exchange.cookies)
            if value and request.header("cookie") is None:
                prepared = self._sender.prepare(request.with_header("Cookie", value))
        response = self._sender.send(prepared, exchange.deadline, collect=exchange.collect)
        if b"set-cookie" in response.head.section.raw.lower():
            self.cookies.take(prepared.request.url, response.headers.get_all("set-cookie"))
        return response

    # Its life

    def close(self) -> None:
        """Close every idle connection; those in use are closed when their responses end."""
        self._connections.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _location(response: Response) -> str | None:
    """Where a redirect leads. Raises `BrokenResponse` for one that leads to several places."""
    places = set(response.headers.get_all("location"))
    if len(places) > 1:
        raise BrokenResponse("redirected to several places at once", response.url)
    return next(iter(places), None)


def _drain(response: Response) -> None:
    """Read a body that nobody waits for, where that is cheaper than another connection; it is in the history then."""
    with contextlib.suppress(ClientError):
        response.read_little(_DRAINED, time.monotonic() + _DRAIN_SECONDS)
    response.close()

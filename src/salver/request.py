"""A request as a handler sees it: what the head says, and the body however it came.

Everything that costs is worked out on first use: a request is made for every head, and most handlers look at little of
it. What is worked out stays in a slot that is not set before, so that making a request costs nothing for it. What a
body means is read in `content.py` and `form_data.py`, which are imported by the first request that asks. The request
asks the server for four things only, through the `Exchange` port: who is there, the streamed body, and the two words
about blocking. It holds no socket.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from functools import cache, partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote_to_bytes

from salver.exchange import ClientAddress, Exchange, Forwarded, RequestBodyError, Transmission
from salver.protocol.grammar import ABSOLUTE_FORM
from salver.protocol.headers import Headers
from salver.protocol.heads import RequestHead
from salver.response import HTTPError

if TYPE_CHECKING:
    from salver.content import Cookies, Fields
    from salver.form_data import FormLimits
    from salver.uploads import Upload

__all__ = ["ClientAddress", "Exchange", "Forwarded", "Request", "RequestBodyError", "Transmission"]

_PIECE = 65_536  # bytes
_NOTHING_MATCHED: tuple[Sequence[str], Sequence[Any]] = ((), ())


class Request:
    """One request. Used by one thread at a time; valid until its response has been sent.

    `method` is the token as sent (case counts), `target` the request-target as sent, ASCII. `prefix` is the part of
    the raw path that mounts have consumed ("" at the root). `site` is what the crew's learning is keyed by. `matched`
    is for apps to set: the names of a route's parameters, and their values.
    """

    __slots__ = (
        "_attributes",
        "_body",
        "_cookies",
        "_exchange",
        "_form",
        "_json",
        "_query",
        "_stream",
        "head",
        "matched",
        "method",
        "prefix",
        "site",
        "target",
    )

    # Set when they are first asked for
    _attributes: dict[str, Any]
    _cookies: Cookies
    _form: tuple[Fields[str], Fields[Upload]] | HTTPError
    _json: tuple[Any]
    _query: Fields[str]
    _stream: BinaryIO

    def __init__(self, head: RequestHead, exchange: Exchange, body: bytes | BinaryIO | None = b"") -> None:
        """`body`: bytes, a rewound file the body was spooled to, or None where it is to be streamed."""
        self.head = head
        self.method = head.method
        self.target = head.target
        self.prefix = ""
        self.matched = _NOTHING_MATCHED
        self.site: object = None
        self._exchange: Exchange = exchange
        self._body = body

    @property
    def headers(self) -> Headers:
        """The request's fields; the same object for every request that repeats them."""
        return self.head.section.headers

    @property
    def version(self) -> str:
        """ "HTTP/1.1" or "HTTP/1.0"."""
        return self.head.version

    @property
    def raw_path(self) -> str:
        """The path of the target as sent, still percent-encoded, without the query; "*" for OPTIONS *. What
        `prefix` holds is still part of it."""
        path = self.target
        if not path.startswith("/"):
            matched = ABSOLUTE_FORM.fullmatch(path.encode("ascii"))
            if matched is None:
                return path  # "*", or CONNECT's authority
            path = (matched[2] or b"/").decode("ascii")
            if path.startswith("?"):
                path = "/" + path
        return path.partition("?")[0]

    @property
    def path(self) -> str:
        """The path behind `prefix`, percent-decoded as UTF-8 (odd bytes as lone surrogates). For showing and
        comparing; whoever walks folders splits `raw_path` first and decodes each segment once."""
        return unquote_to_bytes(self.raw_path[len(self.prefix) :]).decode("utf-8", "surrogateescape")

    @property
    def path_params(self) -> dict[str, Any]:
        """What an app's route has read in the path, by name; empty where there is no route. The caller's own."""
        return dict(zip(*self.matched, strict=True))

    @property
    def query_string(self) -> str:
        """What stands behind the first "?" of the target, as sent; "" where there is none."""
        return self.target.partition("?")[2]

    @property
    def client(self) -> ClientAddress:
        """The peer of the connection."""
        return self._exchange.client

    @property
    def scheme(self) -> str:
        """ "http" or "https", as the connection itself is."""
        return self._exchange.scheme

    @property
    def is_secure(self) -> bool:
        """Did it come by HTTPS?"""
        return self.scheme == "https"

    @property
    def host(self) -> str:
        """The Host field as sent, "" where an HTTP/1.0 client sent none; it names what was asked for, and proves
        nothing."""
        exchange = self._exchange
        if isinstance(exchange, Forwarded) and exchange.host is not None:
            return exchange.host
        host = self.head.section.host
        return host.decode("ascii") if host else ""

    @property
    def url(self) -> str:
        """The whole URL (RFC 9112 §3.3): scheme, host and target. Its host is what the client said it to be."""
        target = self.target
        if target.startswith("/"):
            return f"{self.scheme}://{self.host}{target}"
        return target if "://" in target else f"{self.scheme}://{self.host}"

    @property
    def query(self) -> Fields[str]:
        """The query's pairs, decoded as browsers do (bytes that are not UTF-8 become U+FFFD): `query["a"]` is the first
        value, `query.get_all("a")` every one. Raises `HTTPError`: 413 for more than 1,000 pairs, and 400 from
        `query[name]` where there is no such name."""
        if getattr(self, "_query", None) is None:
            self._query = _content().query_of(self)
        return self._query

    @property
    def cookies(self) -> Cookies:
        """name -> value of every well-formed cookie; of two with one name, the first. What a client says, unproven."""
        if getattr(self, "_cookies", None) is None:
            self._cookies = _content().cookies_of(self)
        return self._cookies

    def accepts(self, *media_types: str) -> str | None:
        """Which of `media_types` ("text/html", "application/json") the client likes best, the first of equals; None
        where it takes none of them. A client that says nothing takes the first."""
        from salver.semantics.negotiation import best_type

        return best_type(self.headers.get("accept"), media_types) if media_types else None

    # The body

    @property
    def content_type(self) -> str:
        """The media type of the body, lowered and without parameters; "" where none, or no media type, is said."""
        media_type: str = _content().content_type_of(self)[0]
        return media_type

    @property
    def body(self) -> bytes:
        """The whole body as it was sent (a content coding is not undone). In streaming mode this reads it to its
        end."""
        body = self._body
        if not isinstance(body, bytes):
            if body is not None:
                body.seek(0)
            body = self._body = self.stream().read()
        return body

    def stream(self) -> BinaryIO:
        """The body as a binary file to read once: in memory, spooled, or straight from the connection where the
        handler asked for that. Owned by the server; closing it is allowed, not needed."""
        stream = getattr(self, "_stream", None)
        if stream is None:
            body = self._body
            if body is None:
                stream = self._exchange.body_stream()
            else:
                stream = io.BytesIO(body) if isinstance(body, bytes) else body
            self._stream = stream
        return stream

    def pieces(self) -> Iterator[bytes]:
        """The body in pieces of 64 KiB at most, as they come: from its beginning, but where it is streamed from where
        the reading is. For what is large, this costs least."""
        body = self._body
        if isinstance(body, bytes):
            return iter((body,) if body else ())
        stream: Any = self.stream()
        if body is not None:
            stream.seek(0)
        return iter(partial(getattr(stream, "read1", stream.read), _PIECE), b"")

    @property
    def json(self) -> Any:
        """The body as JSON, read strictly: see `salver.semantics.json_text.parse_json`.

        Raises `HTTPError`: 415 for a Content-Type that is not JSON and for an unknown Content-Encoding, 400 for what is
        not JSON, 413 for what unpacks to more than 16 MiB.
        """
        made = getattr(self, "_json", None)
        if made is None:
            made = self._json = (_content().json_of(self),)
        return made[0]

    @property
    def form(self) -> Fields[str]:
        """The text fields of a form, urlencoded or multipart; empty for a body of another type. `form["a"]` is the
        first value, and `HTTPError` 400 where there is none. Otherwise raises as `read_form`, which it calls."""
        return self._read_form()[0]

    @property
    def files(self) -> Fields[Upload]:
        """The files of a multipart form, by the names of their fields; a file field left empty is not among them.
        Raises as `form`."""
        return self._read_form()[1]

    def read_form(self, *, folder: str | os.PathLike[str] | None = None, limits: FormLimits | None = None) -> None:
        """Read the form now, with other limits than the usual, or with its large files kept for the time being in
        `folder` (else the system's for temporary files): on the file system that they are to be saved on, `save_to`
        then moves instead of copying. Where the body is streamed this reads it from the connection.

        Raises `HTTPError`: 400 for a malformed or incomplete form, 413 past a limit, 415 for an unknown content coding
        or charset; RuntimeError where the form has been read already; OSError where a file cannot be kept.
        """
        if getattr(self, "_form", None) is not None:
            raise RuntimeError("the form has been read already: call read_form before form and files")
        self._read_form(folder, limits)

    def _read_form(
        self, folder: str | os.PathLike[str] | None = None, limits: FormLimits | None = None
    ) -> tuple[Fields[str], Fields[Upload]]:
        form = getattr(self, "_form", None)
        if form is None:
            from salver.form_data import form_of

            form = self._form = form_of(self, folder, limits)
        if isinstance(form, HTTPError):  # the body is spent: whoever asks again gets the same answer, raised anew
            raise HTTPError(form.status, form.detail, form.headers)
        return form

    # What wrappers and apps keep here

    @property
    def attributes(self) -> dict[str, Any]:
        """Free storage for whoever handles this request, middleware above all; made when it is first asked for."""
        attributes = getattr(self, "_attributes", None)
        if attributes is None:
            attributes = self._attributes = {}
        return attributes

    @property
    def session(self) -> Any:
        """What a session middleware has put into `attributes["session"]`. RuntimeError where there is none."""
        try:
            return self.attributes["session"]
        except KeyError:
            what = "there is no session: a session middleware makes it, as app.use(sessions(secret_key=…))"
            raise RuntimeError(what) from None

    @property
    def user(self) -> Any:
        """What an authentication has put into `attributes["user"]`; None where nobody is known."""
        return self.attributes.get("user")

    def set_forwarded(
        self, *, client: ClientAddress | None = None, scheme: str | None = None, host: str | None = None
    ) -> None:
        """Believe a proxy about who is behind it: `client`, `scheme` ("https") and `host` are from here on what it
        says. For a middleware that has checked that the peer may say so (RFC 7239 §8.1)."""
        here = self._exchange
        host = here.host if host is None and isinstance(here, Forwarded) else host
        self._exchange = Forwarded(self.exchange, client or here.client, scheme or here.scheme, host)

    # The server

    @property
    def apparent_exchange(self) -> Exchange:
        """As `exchange`, with what a trusted proxy has said put before it."""
        return self._exchange

    @property
    def exchange(self) -> Exchange:
        """The server's side of this request; for adapters that know which server that is."""
        exchange = self._exchange
        return exchange.inner if isinstance(exchange, Forwarded) else exchange

    @exchange.setter
    def exchange(self, exchange: Exchange) -> None:
        """Put something between the request and its server; what a trusted proxy has said stays."""
        if isinstance(self._exchange, Forwarded):
            self._exchange.inner = exchange
        else:
            self._exchange = exchange

    def hand_over(self) -> bool:
        """Say that this handler is about to block (a query, a sleep): others are served meanwhile, without waiting
        for the overseer to notice. True where the thread may block; False where every thread is taken."""
        return self._exchange.hand_over()

    def enter(self, site: object) -> None:
        """Say which site (a route, a class and its method: anything hashable) is about to run. From here on the
        crew's learning is keyed by it; where the site is known to block, this hands over."""
        self.site = site
        self._exchange.enter(site)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target}>"


@cache
def _content() -> ModuleType:
    """Imported by the first request that asks; said in each, an import costs more than most of what is read."""
    from salver import content

    return content

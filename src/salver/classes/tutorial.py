"""The names that the small servers of the tutorials use for what `socketserver` and `http.server` call otherwise.

Nothing here does anything of its own, and nobody needs it to understand the rest: each name is one or two lines on
top of the standard library's. A subclass that uses one of them for something else overrides it, and an instance that
assigns to one (`self.body = …`) has its own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from salver.protocol.reasons import REASONS


class Alias:
    """A read-only attribute that an instance may replace: a property could not be assigned to."""

    def __init__(self, get: Callable[[Any], Any]) -> None:
        self._get = get
        self.__doc__ = get.__doc__

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else self._get(instance)


class TutorialServer:
    """For TCP servers."""

    @property
    def HandlerClass(self) -> Any:
        """`RequestHandlerClass`."""
        return self.RequestHandlerClass  # type: ignore[attr-defined]

    @property
    def is_shutdown(self) -> bool:
        """False while `serve_forever` runs."""
        return self._serving is None  # type: ignore[attr-defined]

    def process_request_multithread(self, request: Any, client_address: Any) -> None:
        """Process one request in a thread of its own, of which there are at most `max_threads`."""
        from salver.classes.threads import ThreadingMixIn

        if isinstance(self, ThreadingMixIn):
            self.process_request(request, client_address)
        else:
            _threads_of(self).process_request(request, client_address)


def _threads_of(server: Any) -> Any:
    """The threads of a server that has none by its class: one `ThreadingMixIn` that asks the server for everything."""
    from salver.classes.threads import ThreadingMixIn

    threads = server.__dict__.get("_tutorial_threads")
    if threads is None:

        class Threads(ThreadingMixIn):
            daemon_threads = True

            def __getattr__(self, name: str) -> Any:
                return getattr(server, name)

        threads = server.__dict__["_tutorial_threads"] = Threads()
    return threads


class TutorialStream:
    """For handlers of a byte stream. `rfile` stays bytes; text is what `encode` and `decode` are for."""

    _content: list[bytes] | None = None  # what is buffered
    _made: tuple[str, ...] = ()  # attributes that belong to the request in hand, and go with it

    @staticmethod
    def encode(text: str | bytes) -> bytes:
        """`text` as UTF-8; bytes as they are."""
        return text.encode() if isinstance(text, str) else text

    @staticmethod
    def decode(data: bytes) -> str:
        """UTF-8 as text; what is none as U+FFFD."""
        return data.decode("utf-8", "replace")

    def read(self, length: int = -1) -> str:
        """Up to `length` bytes as text; all, if negative."""
        return self.decode(self.rfile.read(length))  # type: ignore[attr-defined]

    def readline(self, length: int = 65_536) -> str:
        """One line as text, its end included."""
        return self.decode(self.rfile.readline(length))  # type: ignore[attr-defined]

    def write_content(self, msg: str | bytes) -> None:
        """Buffer a piece of what is sent; `send` sends it."""
        if self._content is None:
            self._content = []
            self._made += ("_content",)
        self._content.append(self.encode(msg))

    def _take_content(self) -> bytes:
        content, self._content = self._content, None
        return b"".join(content or ())

    def send(self) -> None:
        """Write what is buffered, and flush."""
        content = self._take_content()
        if content:
            self.wfile.write(content)  # type: ignore[attr-defined]
        self.wfile.flush()  # type: ignore[attr-defined]

    def close(self) -> None:
        """The connection ends when the handler does."""
        self.close_connection = True


class TutorialHTTP(TutorialStream):
    """For HTTP handlers."""

    _body: str | None = None
    RESPONSES = MappingProxyType({status: reason.encode() for status, reason in REASONS.items()})

    method = Alias(lambda self: self.command)
    version = Alias(lambda self: self.request_version)
    request_line = Alias(lambda self: self.requestline)

    @Alias
    def body(self) -> str:
        """The request's body as text."""
        if self._body is None:
            self._body = self.decode(self.rfile.read())  # type: ignore[attr-defined]
            self._made += ("_body",)
        return self._body

    def write_response(self, code: int, msg: str | None = None) -> None:
        """`send_response`."""
        self.send_response(code, msg)  # type: ignore[attr-defined]

    def write_header(self, key: str, value: object) -> None:
        """`send_header`."""
        self.send_header(key, str(value))  # type: ignore[attr-defined]

    def write_error(self, code: int, msg: str | None = None) -> None:
        """`send_error`, in place of what is buffered."""
        self._content = None
        self.send_error(code, msg)  # type: ignore[attr-defined]

    def send(self) -> None:
        """End the head, with the length of what is buffered where none was said; write and flush."""
        content = self._take_content()
        if self._head_is_open:  # type: ignore[attr-defined]
            framing = self._own_framing()  # type: ignore[attr-defined]
            if not (framing.said or framing.status < 200 or framing.status in (204, 304)):  # RFC 9110 §8.6
                self.send_header("Content-Length", str(len(content)))  # type: ignore[attr-defined]
            self.end_headers()  # type: ignore[attr-defined]
        if content:
            self.wfile.write(content)  # type: ignore[attr-defined]
        self.wfile.flush()  # type: ignore[attr-defined]

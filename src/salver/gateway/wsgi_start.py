"""`start_response` and the `write` that it gives: PEP 3333, "The start_response() Callable".

One object serves one request, and keeps what came of the two for whoever makes the answer. Nothing is sent here but by
`write`, which is older than iterables and has to send before it returns: through a `Transmission`, while the
application runs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from salver.gateway.wsgi_head import Head, read_head
from salver.request import Request, Transmission
from salver.response import Response

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


class StartResponse:
    """The `start_response` of one request. For the thread that runs the application.

    `head` is the last one given; `committed`: it is on its way, and none can take its place. `written` is what `write`
    has begun.
    """

    __slots__ = ("_request", "committed", "head", "written")

    def __init__(self, request: Request) -> None:
        self._request = request
        self.head: Head | None = None
        self.committed = False
        self.written: Transmission | None = None

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None, /
    ) -> Callable[[bytes], None]:
        """PEP 3333. Raises TypeError and ValueError for a head that cannot be; RuntimeError the second time, where
        there is no `exc_info`; and what `exc_info` holds, where the head cannot be replaced any more."""
        if exc_info is not None:
            try:
                if self.committed:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # it refers to frames, this one among them
        elif self.head is not None:
            raise RuntimeError("start_response was called before; a second call needs exc_info (PEP 3333)")
        self.head = read_head(status, headers)
        return self._write

    def commit(self) -> Head:
        """The head, from now on the response's. Raises RuntimeError where the application gave none."""
        head = self.head
        if head is None:
            raise RuntimeError("the application has not called start_response (PEP 3333)")
        self.committed = True
        return head

    def _write(self, data: bytes, /) -> None:
        """PEP 3333, "The write() Callable": `data` has left when this returns. Raises OSError where the client is
        gone."""
        check_piece(data)
        written = self.written
        if written is None:
            if not data:
                return
            head = self.commit()
            written = self.written = self._request.exchange.transmission()
            written.begin(Response((), head.status, head.all_fields(), reason=head.reason))
        written.write(data)


def check_piece(piece: object) -> None:
    """Raises TypeError for what is not bytes."""
    if not isinstance(piece, bytes):
        raise TypeError(f"a WSGI application's body is made of bytes, not {type(piece).__name__}")

"""A response as a test sees it: what the head says, and the body at once or as it comes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from salver.protocol.headers import Headers
from salver.protocol.heads import ResponseHead
from salver.testing.cookies import parse_set_cookie

__all__ = ["ReceivedResponse"]

_CHARSET = re.compile(r';[ \t]*charset="?([^\s;"]+)', re.IGNORECASE)


class ReceivedBody(Protocol):
    """A body that comes in pieces, once."""

    def __iter__(self) -> Iterator[bytes]:
        """The pieces that are still to come."""

    def close(self) -> None:
        """Let go of them; idempotent, and nothing where the body has been read."""


class ReceivedResponse:
    """One response. `TestClient.request` has read it to its end; `TestClient.stream` leaves that to the test, in a
    `with` statement that lets go of the rest.

    `status` (and `status_code`, the same), `reason`, `headers`, `url` (of the request that it answers), `history` (the
    redirects that led to it, in order). For one thread at a time.
    """

    def __init__(
        self,
        head: ResponseHead,
        url: str,
        history: list[ReceivedResponse],
        body: ReceivedBody,
    ) -> None:
        """The response closes `body`, if asked to."""
        self.status = self.status_code = head.status
        self.reason = head.reason
        self.headers: Headers = head.section.headers
        self.url = url
        self.history = history
        self._body = body
        self._content: bytes | None = None

    def __repr__(self) -> str:
        return f"<ReceivedResponse {self.status} {self.reason}>"

    # The body at once

    @property
    def content(self) -> bytes:
        """The body as it was sent, without its chunks; a content coding that was asked for is still on it. Read to its
        end on first use, which raises what the rest of it brings: a handler's exception, or ConnectionError."""
        if self._content is None:
            self._content = b"".join(self._body)
        return self._content

    @property
    def text(self) -> str:
        """`content` by the charset of its Content-Type, UTF-8 where that names none; what does not decode is U+FFFD."""
        return self.content.decode(self._charset, "replace")

    def json(self) -> Any:
        """The value of a JSON body. Raises ValueError for what is none."""
        return json.loads(self.content)

    @property
    def _charset(self) -> str:
        named = _CHARSET.search(self.headers.get("Content-Type", ""))
        return named[1] if named else "utf-8"

    # The body as it comes

    def iter_bytes(self) -> Iterator[bytes]:
        """The body as its pieces come, once; the server makes the next one when it is asked for."""
        if self._content is not None:
            yield self._content
            return
        yield from self._body

    def iter_lines(self) -> Iterator[str]:
        """The lines of the body as they come, decoded as `text`, without their ends (LF or CR LF)."""
        rest = b""
        for piece in self.iter_bytes():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line.removesuffix(b"\r").decode(self._charset, "replace")
        if rest:
            yield rest.decode(self._charset, "replace")

    def close(self) -> None:
        """Let go of what is unread: the server ends the response, as it does where a client goes away. Idempotent."""
        self._body.close()

    def __enter__(self) -> ReceivedResponse:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # What the head says

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this response sets, by name, also those that it ends; `TestClient.cookies` has what is
        kept, with their attributes."""
        found = [parse_set_cookie(line, None, "/", 0.0) for line in self.headers.get_all("Set-Cookie")]
        return {cookie.name: cookie.value for cookie in found if cookie is not None}

    @property
    def is_redirect(self) -> bool:
        """A status that asks for another request, and a Location to send it to."""
        return self.status in (301, 302, 303, 307, 308) and "Location" in self.headers

"""What an app answers when something is raised: the handlers that were registered, and who gets what.

A status has one handler, a class of exceptions has one, and the nearest class wins. An `HTTPError` goes by its status
first; the handler of `Exception` is for what nobody meant, and never gets one. This file answers nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, Union

from salver.problem import HTTPError
from salver.protocol.headers import Headers
from salver.request import Request
from salver.response import HeadersLike, Response

ErrorHandler = Callable[[Request, Any], Any]
Key = Union[int, type[Exception]]


def abort(status: int, detail: str = "", headers: HeadersLike = ()) -> NoReturn:
    """End the request with the error page of `status` (400 to 599): `abort(404)`, `abort(403, "Members only.")`.

    `detail` is shown to whoever asked; `headers` are added (`[("Retry-After", "60")]`). Raises `HTTPError`,
    ValueError for a status that is no error, and TypeError for one that is no whole number.
    """
    raise HTTPError(_checked(status), detail, headers)


class ErrorHandlers:
    """The handlers by status and by class. Written at registration, read by all threads."""

    __slots__ = ("_by_class", "_by_status")

    def __init__(self) -> None:
        self._by_status: dict[int, ErrorHandler] = {}
        self._by_class: dict[type[Exception], ErrorHandler] = {}

    def add(self, what: Key, handler: ErrorHandler) -> None:
        """Register; a later one takes the place of an earlier. Raises TypeError or ValueError for what is neither a
        status of errors nor a class of exceptions."""
        if isinstance(what, type) and issubclass(what, Exception):
            self._by_class[what] = handler
        elif isinstance(what, int):
            self._by_status[_checked(what)] = handler
        else:
            raise TypeError(f"an error is a status like 404 or a class of exceptions, not {what!r}")

    def __bool__(self) -> bool:
        return bool(self._by_status or self._by_class)

    def maybe_for(self, error: Exception) -> ErrorHandler | None:
        """Who answers for `error`: by its status, by its class, and 500's for what nobody else takes."""
        meant = isinstance(error, HTTPError)
        if isinstance(error, HTTPError) and error.status in self._by_status:
            return self._by_status[error.status]
        for each in type(error).__mro__:
            if each in self._by_class and not (meant and each is Exception):
                return self._by_class[each]
        return None if meant else self._by_status.get(500)

    def expects(self, error: Exception) -> bool:
        """A handler for its class, or one that it is derived from, was registered: somebody thought of it."""
        return any(each in self._by_class for each in type(error).__mro__)


def chooses_status(result: object) -> bool:
    """Does what a handler of errors returned say its own status? A tuple does. 200 is what a `Response` has where
    nobody has thought of one (`templates.render(…)`, `Response.json(…)`), and an error that programs take for a success
    is worse than a page app that has to say `(page, 200)`."""
    return isinstance(result, tuple) or (isinstance(result, Response) and result.status != 200)


def completed(response: Response, error: Exception, *, chosen: bool) -> Response:
    """A page that a handler made for `error`: it has the error's status, where the handler did not choose one, and
    the fields that the error brings (Allow, Retry-After), where the page has none of that name."""
    if not isinstance(error, HTTPError):
        if not chosen:
            response.status = 500
        return response
    if not chosen:
        response.status = error.status
    brought = Headers(error.headers).fields
    for name, value in [pair for pair in brought if pair[0] not in response.headers]:
        response.headers.add(name, value)
    return response


def _checked(status: int) -> int:
    if not isinstance(status, int):
        raise TypeError(f"an error's status is a number like 404, not {status!r}")
    if not 400 <= status <= 599:
        raise ValueError(f"an error's status is 400 to 599, not {status}")
    return int(status)

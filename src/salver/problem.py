"""An error as a small page: self-contained HTML for people, JSON for programs that ask for it.

Every part of the server that answers with an error of its own uses this, so that they all look alike and escape
alike. The text says what is wrong with the request and nothing about the server: no path of the disk, no version.

Who makes the page for what a handler has raised stands outside of the wrappers around that handler. What these would
have said of its answer (who may read it, by what name it is found in the log) they leave with the request, and whoever
makes the page puts it there. It is not kept on the exception: a program may raise the same one again, for somebody
else.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from html import escape

from salver.protocol.headers import Headers, MutableHeaders
from salver.protocol.reasons import REASONS
from salver.request import Request
from salver.response import HeadersLike, HTTPError, Response
from salver.semantics.negotiation import best_type

__all__ = ["HTTPError", "finish_later", "finished", "note_failure", "problem", "problem_of"]

Finish = Callable[[Request, MutableHeaders], None]

_TYPES = ("text/html", "application/json", "application/problem+json", "text/plain")

_LATER = "salver.finish_later"  # where they are found among a request's attributes

# Nothing on the page comes from elsewhere, and the policy says so.
_FIELDS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
)

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{status} {reason}</title>
<style>
body {{ max-width: 40rem; margin: 15vh auto; padding: 0 1.5rem; font: 1rem/1.5 system-ui, sans-serif }}
h1 {{ font-size: 1.5rem; font-weight: 600 }}
p {{ overflow-wrap: anywhere }}
</style>
</head>
<body>
<h1>{status} {reason}</h1>
{detail}</body>
</html>
"""


class Problem(Response):
    """A page made here. `detail` and `brought` are what it was made of, for whoever passes it on and has a page of
    their own."""

    __slots__ = ("brought", "detail", "raised")

    detail: str
    brought: HeadersLike
    raised: HTTPError | None  # what it was made for, where somebody may still have another page for that

    @property
    def error(self) -> HTTPError:
        """What the page says, to be raised."""
        return self.raised or HTTPError(self.status, self.detail, self.brought)


def problem(request: Request | None, status: int, detail: str = "", headers: HeadersLike | None = None) -> Problem:
    """The page for `status`. `detail` is plain text for whoever asked, escaped here; one or two sentences.

    `request` chooses the form by its Accept field: HTML, JSON ({"status", "title", "detail"}, RFC 9457), or plain
    text; None is HTML. `headers` are added (Allow, Retry-After, Content-Range). The response is the caller's own.
    """
    reason = REASONS.get(status, "Unknown")
    accept = None if request is None else request.headers.get("accept")
    chosen = best_type(accept, _TYPES) or _TYPES[0]
    response = Problem(_body(chosen, status, reason, detail), status, _FIELDS, content_type=_with_charset(chosen))
    response.detail, response.brought, response.raised = detail, headers or (), None
    added = Headers(headers)
    for name in added:
        if name in response.headers:
            del response.headers[name]
    for name, value in added.fields:
        response.headers.add(name, value)
    return response


def problem_of(request: Request | None, error: HTTPError) -> Response:
    """The page for an `HTTPError` that was raised, `finished`."""
    page = problem(request, error.status, error.detail, error.headers)
    return page if request is None else finished(request, page)


def passing_problem_of(request: Request, error: HTTPError) -> Response:
    """The page for an `HTTPError` which an app above may still answer with its own. It has the fields that the wrappers
    add, and so will that one."""
    page = problem(request, error.status, error.detail, error.headers)
    page.raised = error.with_traceback(None)  # whose frames would keep the request
    for finish in request.attributes.get(_LATER, ()):
        finish(request, page.headers)
    return page


def finish_later(request: Request, finish: Finish) -> None:
    """Have `finish(request, headers)` see the fields of the page that takes the place of this request's answer, if one
    does. For wrappers, in the order in which they would have seen the answer: the innermost first."""
    request.attributes.setdefault(_LATER, []).append(finish)


def finished(request: Request, page: Response) -> Response:
    """`page`, made in the place of an answer, with the fields that the wrappers around the handler add. To be called
    by whoever catches what a handler raised and answers it. Raises what they raise, and does not ask them again."""
    for finish in request.attributes.pop(_LATER, ()):
        finish(request, page.headers)
    return page


def note_failure(request: Request, error: BaseException) -> None:
    """Tell whoever runs `request` that its handler has failed, where the answer will not show by what. A test's client
    raises `error` in the test; a server does nothing with it."""
    note = getattr(request.exchange, "note_failure", None)
    if note is not None:
        note(error)


def _body(media_type: str, status: int, reason: str, detail: str) -> bytes:
    if media_type.endswith("json"):
        text = json.dumps({"status": status, "title": reason, "detail": detail}) + "\n"
    elif media_type == "text/plain":
        text = f"{status} {reason}\n" + (detail + "\n" if detail else "")
    else:
        shown = f"<p>{escape(detail)}</p>\n" if detail else ""
        text = _PAGE.format(status=status, reason=escape(reason), detail=shown)
    return text.encode("utf-8", "backslashreplace")


def _with_charset(media_type: str) -> str:
    return media_type + "; charset=utf-8" if media_type.startswith("text/") else media_type

"""An exception as a page, for the one who is writing the program: `App(debug=True)`.

Whoever sees this page sees the source and what is in the variables. So it is shown to this computer alone: the
connection comes from a loopback address, no proxy has passed the request on, and the name in Host is one of the
loopback, because a page elsewhere could otherwise read it through a name of its own that leads here (DNS rebinding).
Everybody else gets the short page, as without debug. Nothing on it can be run or changed; there is no console.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from html import escape

from salver.app.debug_frames import Frame, Raised, raised_by, shown_value
from salver.problem import problem
from salver.request import Request
from salver.response import Response
from salver.semantics.addresses import is_loopback, is_loopback_authority
from salver.semantics.masking import MASK, without_secrets

_TYPES = ("text/plain", "text/html", "application/json", "application/problem+json")
_FIELDS = (
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)
_OF_PROXIES = (
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via", "true-client-ip",
    "cf-connecting-ip", "x-client-ip",
)  # fmt: skip

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --ran: #f5a62333; --dim: #555 }
@media (prefers-color-scheme: dark) { :root { --dim: #aaa } }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.4rem; margin: 0 } h1 small { display: block; font-size: 1rem; font-weight: 400; color: var(--dim) }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
p.message { font: 1rem/1.4 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere;
  border-left: .25rem solid #d33; padding: .5rem 1rem; margin: .75rem 0; background: var(--soft) }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0 }
summary { cursor: pointer; padding: .35rem .75rem; overflow-wrap: anywhere } summary code { font-weight: 600 }
details.library > summary { color: var(--dim) }
pre { margin: 0; overflow-x: auto; font: .85rem/1.5 ui-monospace, monospace; border-top: 1px solid var(--line) }
pre span { display: block; padding: 0 .75rem; min-width: max-content } pre span.ran { background: var(--ran) }
pre i { display: inline-block; width: 3.5em; color: var(--dim); font-style: normal; user-select: none }
table { width: 100%; border-collapse: collapse; border-top: 1px solid var(--line);
  font: .85rem/1.5 ui-monospace, monospace }
th, td { text-align: left; vertical-align: top; padding: .1rem .75rem; overflow-wrap: anywhere }
th { font-weight: 600; width: 1%; white-space: nowrap } td { white-space: pre-wrap }
pre.text { padding: .75rem; white-space: pre-wrap; overflow-wrap: anywhere }
"""


def debug_page(request: Request, error: BaseException) -> Response:
    """The 500 for an exception that nobody meant: HTML for browsers, JSON for those who ask for it, else plain text.
    Where the request is not this computer's own, the page that says nothing."""
    if not may_see(request):
        return problem(request, 500)
    chosen = request.accepts(*_TYPES) or _TYPES[0]
    if chosen == "text/html":
        return Response(_encoded(_page(request, error)), 500, _FIELDS, content_type="text/html; charset=utf-8")
    if chosen == "text/plain":
        return Response(_encoded(_text(error)), 500, _FIELDS, content_type="text/plain; charset=utf-8")
    return Response(_encoded(_json(error)), 500, _FIELDS, content_type=chosen)


def may_see(request: Request) -> bool:
    """Does the request come from this computer, by no proxy, and to a name that can be no other computer's?"""
    addresses = {request.client.host, request.exchange.client.host}
    return (
        all(map(is_loopback, addresses))  # a Unix socket is a proxy's, as a rule
        and not any(name in request.headers for name in _OF_PROXIES)
        and is_loopback_authority(request.host)
    )


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _text(error: BaseException) -> str:
    shown = "".join(traceback.format_exception(error, limit=-100))
    return "500 Internal Server Error\n\n" + without_secrets(shown, bare=False)


def _json(error: BaseException) -> str:
    chain = [
        {
            "type": raised.kind,
            "message": raised.message,
            "frames": [{"file": each.file, "line": each.line, "function": each.function} for each in raised.frames],
        }
        for raised in raised_by(error)
    ]
    return json.dumps({"status": 500, "title": "Internal Server Error", "exceptions": chain}, indent=2) + "\n"


def _page(request: Request, error: BaseException) -> str:
    chain = raised_by(error)
    title = escape(f"{chain[0].kind}: {chain[0].message}"[:200])
    where = escape(f"{request.method} {without_secrets(request.target)}"[:500])
    return "".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            '<meta name="viewport" content="width=device-width">\n',
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n",
            f"<h1>{escape(chain[0].kind)} <small>{where}</small></h1>\n",
            *(piece for raised in chain for piece in _exception(raised)),
            *_request(request),
            f'<h2>As text</h2>\n<details><summary>The traceback</summary><pre class="text">{escape(_text(error))}',
            "</pre></details>\n</body>\n</html>\n",
        )
    )


def _exception(raised: Raised) -> Iterator[str]:
    if raised.relation:
        yield f"<h2>{escape(raised.relation)} {escape(raised.kind)}</h2>\n"
    yield f'<p class="message">{escape(raised.message or raised.kind)}</p>\n'
    shown = _to_open(raised.frames)
    for place, frame in enumerate(raised.frames):
        if raised.left_out and place == len(raised.frames) // 2:
            yield f"<p>… {raised.left_out} more calls …</p>\n"
        yield from _call(frame, is_open=place == shown)


def _to_open(frames: tuple[Frame, ...]) -> int:
    """The innermost call of the author's own code; where there is none, the innermost."""
    own = [place for place, frame in enumerate(frames) if frame.is_own]
    return own[-1] if own else len(frames) - 1


def _call(frame: Frame, *, is_open: bool) -> Iterator[str]:
    kind = "" if frame.is_own else ' class="library"'
    yield f"<details{kind}{' open' * is_open}><summary><code>{escape(frame.function)}</code> "
    yield f"in {escape(frame.file)}, line {frame.line}</summary>\n<pre>"
    for line in frame.source:
        ran = ' class="ran"' if line.ran else ""
        yield f"<span{ran}><i>{line.number}</i>{escape(line.text)}\n</span>"
    yield "</pre>\n"
    if frame.variables:
        yield from _table(frame.variables)
    yield "</details>\n"


def _table(rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    yield "<table>"
    for name, value in rows:
        yield f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>"
    yield "</table>\n"


def _request(request: Request) -> Iterator[str]:
    fields = tuple((name, _field(name, value)) for name, value in request.headers.fields)
    yield "<h2>The request</h2>\n<details open><summary>"
    yield f"<code>{escape(request.method)}</code> {escape(without_secrets(request.url))}</summary>\n"
    yield from _table(
        (*fields, *((f"path_params.{name}", shown_value(name, value)) for name, value in request.path_params.items()))
    )
    yield "</details>\n"


def _field(name: str, value: str) -> str:
    shown = shown_value(name, "")
    return MASK if shown == MASK else without_secrets(value)[:1_000]

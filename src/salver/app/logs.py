"""What an app says to the log: its author's lines, and at the debug level the head of each request.

Lines are one line each, whatever is in them, and what lets somebody else in (cookies, passwords) is in none.
"""

from __future__ import annotations

import logging
import re

from salver.request import Request

logger = logging.getLogger("salver.app")

_MASK = "***"
_SECRET = frozenset(("authorization", "cookie", "proxy-authorization"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def log(*args: object, level: int = logging.INFO) -> None:
    """Log `args`, put together as `print` does, as one line of the logger `salver.app`. Control characters come out
    as escapes: what a client sends can neither begin a line nor reach a terminal."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s", one_line(" ".join(map(str, args))), stacklevel=2)


def one_line(text: str) -> str:
    """`text` with its control characters as escapes."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def log_head(request: Request) -> None:
    """The request's head as it was sent, at the debug level, without what lets somebody in: a field or a query that
    looks as if it had something secret is not shown."""
    from salver.semantics.masking import looks_secret, shown_target  # here: nobody else needs it before a failure

    lines = [f"{request.method} {shown_target(request.target, len(request.target))} {request.version}"]
    for name, value in request.headers.fields:
        hidden = name.lower() in _SECRET or looks_secret(f"{name}: {value}")
        lines.append(f"{name}: {_MASK if hidden else value}")
    logger.debug("%s %s", request.client.host, one_line("\r\n".join(lines)))

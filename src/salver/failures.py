"""What a handler raised, said to the log: in one way, whoever answers for it.

The line says on which request, in bounded length and without a query that looks secret; behind it is the traceback. It
brings the id of the request, if it has one, because the wrapper that knows it has been left by then. This file answers
nothing.
"""

from __future__ import annotations

import logging

from salver.handler import ResultError
from salver.request import Request

__all__ = ["LOGGED_ID", "log_failure"]

LOGGED_ID = "salver_request_id"
"""By what name a log record brings the id of its request; None where it has none."""


def log_failure(logger: logging.Logger, what: str, request: Request, error: BaseException) -> None:
    """Log `error` with its traceback; a `ResultError` without one, for it says all. `what`: of whom, like "handler
    failed". In the access log a query is shown whole, unless its format has `path` for `target`; a traceback is read by
    more people, and sent around."""
    from salver.semantics.masking import shown_target  # here: nobody else needs it before something has failed

    told = {LOGGED_ID: request.attributes.get("request_id")}
    target = shown_target(request.target)
    if isinstance(error, ResultError):
        logger.error("%s on %s %r: %s", what, request.method, target, error, extra=told)
    else:
        logger.error("%s on %s %r", what, request.method, target, exc_info=error, extra=told)

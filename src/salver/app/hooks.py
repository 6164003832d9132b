"""What runs around every view of an app: before it, after it, and at the end whatever happened.

This file knows no routes: it has the hooks in their order, and calls them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from salver.handler import as_response
from salver.request import Request
from salver.response import Response

# Returns None, or the answer in the view's place.
Before = Callable[[Request], Any]
# Returns None, or a response in the given one's place.
After = Callable[[Request, Response], Any]
# Is told what was raised, None where nothing was; what it returns is not looked at.
Teardown = Callable[[Request, Any], Any]


class Hooks:
    """Written at registration, read by all threads. Lists are replaced, not changed: another thread may be in one."""

    __slots__ = ("after", "before", "teardown")

    def __init__(self) -> None:
        self.before: list[Before] = []
        self.after: list[After] = []
        self.teardown: list[Teardown] = []

    def __bool__(self) -> bool:
        return bool(self.before or self.after or self.teardown)

    def run_before(self, request: Request) -> Any:
        """The first answer that a hook has, in the order of registration; None where all let the request pass."""
        for hook in self.before:
            result = hook(request)
            if result is not None:
                return result
        return None

    def run_after(self, request: Request, response: Response) -> Response:
        """The response as the hooks leave it, the last registered first: the first one sees what really goes out. What
        nobody will send is closed."""
        for hook in self.after:
            try:
                changed = hook(request, response)
                replaced = response if changed is None else as_response(changed)
            except BaseException:
                response.close()
                raise
            # A body of bytes holds nothing of the one before; any other may be what a hook has put around it.
            if replaced is not response and replaced.body.__class__ is bytes:
                response.close()
            response = replaced
        return response

    def run_teardown(self, request: Request, error: BaseException | None) -> None:
        """Every hook, the last registered first, also where one of them raises; the first such error is raised."""
        raised: Exception | None = None
        for hook in self.teardown:
            try:
                hook(request, error)
            except Exception as failure:
                raised = raised or failure
        if raised is not None:
            raise raised

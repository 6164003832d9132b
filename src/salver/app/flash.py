"""Messages for the next page: said by the view that redirects, shown by the one that is redirected to.

They wait in the session, so `sessions` has to be around the app. Whoever shows them takes them: they are shown once.
"""

from __future__ import annotations

from typing import NamedTuple

from salver.request import Request

_KEY = "_flashes"
_TAKEN = "flashes"  # among the request's attributes


class Flash(NamedTuple):
    """A message: what kind it is ("info", "error", whatever the page has a style for), and its text."""

    category: str
    text: str

    def __str__(self) -> str:
        """The text, so that a page that knows no kinds writes `{{ message }}`."""
        return self.text


def flash(request: Request, text: str, category: str = "info") -> None:
    """Say `text` on the next page that shows messages, which may be that of this request. Raises RuntimeError where
    there are no sessions."""
    session = request.session
    session[_KEY] = [*session.get(_KEY, ()), [category, str(text)]]


def flashes(request: Request) -> list[Flash]:
    """The messages that have not been shown, in the order in which they were said. They are taken out of the session;
    asking again while the same request is answered gives the same ones. Raises RuntimeError where there are no
    sessions."""
    taken: list[Flash] = request.attributes.setdefault(_TAKEN, [])
    session = request.session
    if _KEY in session:
        taken += [Flash(str(category), str(text)) for category, text in session.pop(_KEY)]
    return taken

"""Messages that are shown once, on the next page."""

from __future__ import annotations

import pytest

from salver.app import App
from salver.app.flash import Flash, flash, flashes
from salver.app.sessions import sessions
from salver.request import Request
from salver.testing import TestClient
from tests.middleware.support import request


def app_with_messages() -> App:
    app = App()
    app.use(sessions(secret_key="correct-horse-battery-staple-9000-times"))

    @app.get("/say")
    def say(request: Request) -> str:
        flash(request, "Saved <it>.")
        flash(request, "But not all of it.", "error")
        return ""

    @app.get("/show")
    def show(request: Request) -> list[list[str]]:
        first = flashes(request)
        assert flashes(request) == first  # a layout may look again
        return [list(each) for each in first]

    @app.get("/both")
    def both(request: Request) -> list[list[str]]:
        assert flashes(request) == []
        flash(request, "now", "at once")
        return [list(each) for each in flashes(request)]

    return app


def test_shown_once() -> None:
    with TestClient(app_with_messages()) as client:
        client.get("/say")
        assert client.get("/show").json() == [["info", "Saved <it>."], ["error", "But not all of it."]]
        assert client.get("/show").json() == []
        assert len(client.cookies) == 0  # nothing is left to be kept


def test_said_and_shown_on_one_page() -> None:
    with TestClient(app_with_messages()) as client:
        assert client.get("/both").json() == [["at once", "now"]]
        assert client.get("/show").json() == []


def test_they_add_up_until_somebody_looks() -> None:
    with TestClient(app_with_messages()) as client:
        client.get("/say")
        client.get("/say")
        assert len(client.get("/show").json()) == 4


def test_a_message_is_a_pair() -> None:
    assert Flash("info", "x") == ("info", "x")
    assert f"{Flash('info', 'x')}" == "x"  # what a template writes for {{ message }}


def test_without_sessions_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="session middleware"):
        flash(request(), "x")
    with pytest.raises(RuntimeError, match="session middleware"):
        flashes(request())

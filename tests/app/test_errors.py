"""Pages for what is raised."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from salver import App, HTTPError, Request, Response, abort
from salver.handler import ResultError
from salver.request import RequestBodyError
from tests.app.support import ask, make, text


class Missing(LookupError):
    pass


class Lost(Missing):
    pass


def app_raising(error: BaseException) -> App:
    def view() -> str:
        raise error

    return App({"/": view})


def test_abort_is_the_page_of_its_status() -> None:
    app = App({"/": lambda: abort(503, "Come <later>.", [("Retry-After", "60")])})
    response = ask(app)
    assert response.status == 503 and response.headers["retry-after"] == "60"
    assert "503 Service Unavailable" in text(response) and "Come &lt;later&gt;." in text(response)
    response = ask(app, fields="Accept: application/json\r\n")
    assert json.loads(text(response)) == {"status": 503, "title": "Service Unavailable", "detail": "Come <later>."}


@pytest.mark.parametrize("status", [200, 302, 399, 600, 0, -1])
def test_only_errors_are_aborted_with(status: int) -> None:
    with pytest.raises(ValueError, match="400 to 599"):
        abort(status)


@pytest.mark.parametrize("status", ["404", 404.5, None, b"404"])
def test_a_status_is_a_number(status: Any) -> None:
    with pytest.raises(TypeError, match="an error's status is a number like 404, not"):
        abort(status)


@pytest.mark.parametrize("error", [HTTPError(429, "slow"), ZeroDivisionError()])
@pytest.mark.parametrize("made", [str, lambda text: {"p": text}, Response, Response.json])
def test_a_page_has_the_errors_status(made: Callable[[str], Any], error: Exception) -> None:
    app = app_raising(error)
    app.errorhandler(type(error))(lambda request, error: made("page"))
    assert ask(app).status == getattr(error, "status", 500)


@pytest.mark.parametrize("result", [("page", 200), (Response("page"), 200), Response("page", 202)])
def test_a_page_has_the_status_that_it_chooses_and_the_errors_fields(result: Any) -> None:
    app = app_raising(HTTPError(429, "slow", [("Retry-After", "5"), ("X-A", "b")]))
    app.errorhandler(429)(lambda request, error: result)
    response = ask(app)
    assert response.status == (200 if isinstance(result, tuple) else 202)
    assert response.headers["retry-after"] == "5"


def test_a_page_keeps_its_own_fields() -> None:
    app = app_raising(
        HTTPError(401, headers=[("WWW-Authenticate", "Basic"), ("WWW-Authenticate", "Bearer"), ("X", "e")])
    )
    app.errorhandler(401)(lambda request, error: ("page", 401, {"X": "own"}))
    response = ask(app)
    assert response.headers["x"] == "own"
    assert response.headers.get_all("www-authenticate") == ["Basic", "Bearer"]


def test_the_nearest_class_has_it(caplog: pytest.LogCaptureFixture) -> None:
    app = app_raising(Lost())
    for kind in (Exception, LookupError, Missing):
        app.errorhandler(kind)(lambda request, error, kind=kind: kind.__name__)
        assert text(ask(app)) == kind.__name__
    assert ask(app).status == 500
    assert all(record.exc_info is not None for record in caplog.records)


def test_what_an_app_makes_the_clients_fault_is_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    app = app_raising(Lost())
    app.errorhandler(Lost)(lambda request, error: ({"errors": {"name": "unknown"}}, 422))
    assert ask(app).status == 422
    assert not caplog.records
    app.errorhandler(Lost)(lambda request, error: abort(404))
    assert ask(app).status == 404
    assert not caplog.records
    app.errorhandler(Lost)(lambda request, error: abort(503))
    assert ask(app).status == 503
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_what_abort_means_is_not_for_the_page_of_exceptions() -> None:
    app = app_raising(HTTPError(404))
    app.errorhandler(Exception)(lambda request, error: "oops")
    app.errorhandler(500)(lambda request, error: "oops")
    assert "404 Not Found" in text(ask(app))
    app.errorhandler(HTTPError)(lambda request, error: f"any {error.status}")
    assert text(ask(app)) == "any 404"
    app.errorhandler(404)(lambda request, error: "this one")
    assert (text(ask(app)), ask(app).status) == ("this one", 404)
    assert text(ask(app, "/none")) == "this one"


def test_500_is_for_what_nobody_else_takes_and_the_log_has_it(caplog: pytest.LogCaptureFixture) -> None:
    app = app_raising(ZeroDivisionError("by zero"))
    app.errorhandler(500)(lambda request, error: f"sorry: {error}")
    response = ask(app)
    assert (response.status, text(response)) == (500, "sorry: by zero")
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "failed on GET '/'") and record.exc_info
    caplog.clear()
    app = App({"/": lambda: None})
    app.errorhandler(500)(lambda request, error: "sorry")
    assert ask(app).status == 500
    (record,) = caplog.records
    assert "returned None" in record.getMessage() and not record.exc_info


def test_a_query_with_a_secret_in_it_is_not_logged_with_the_error(caplog: pytest.LogCaptureFixture) -> None:
    app = app_raising(ZeroDivisionError())
    app.errorhandler(500)(lambda request, error: "sorry")
    ask(app, "/?page=2")
    ask(app, "/?page=2&password=open")
    shown, masked = (record.getMessage() for record in caplog.records)
    assert "/?page=2" in shown and "open" not in masked and "/?***" in masked


def test_what_has_no_page_is_the_servers() -> None:
    with pytest.raises(ZeroDivisionError):
        app_raising(ZeroDivisionError())(make())


def test_a_body_that_did_not_arrive_is_the_servers() -> None:
    app = app_raising(RequestBodyError(408, "late"))
    app.errorhandler(Exception)(lambda request, error: "page")
    app.errorhandler(OSError)(lambda request, error: "page")
    with pytest.raises(RequestBodyError):
        app(make())


def test_a_page_that_fails_itself() -> None:
    app = app_raising(HTTPError(404))

    @app.errorhandler(404)
    def page(request: Request, error: HTTPError) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        app(make())
    app.errorhandler(404)(lambda request, error: abort(410, "gone for good"))
    assert (ask(app).status, "gone for good" in text(ask(app))) == (410, True)
    app.errorhandler(404)(lambda request, error: None)
    with pytest.raises(ResultError, match="lambda.*returned None"):
        app(make())


@pytest.mark.parametrize("what", ["404", 404.0, None, str, BaseException, KeyboardInterrupt])
def test_what_is_no_error(what: Any) -> None:
    with pytest.raises(TypeError, match="a status like 404"):
        App().errorhandler(what)(lambda request, error: "")


@pytest.mark.parametrize("what", [200, 0, 600, True])
def test_what_is_no_status_of_an_error(what: int) -> None:
    with pytest.raises(ValueError, match="400 to 599"):
        App().errorhandler(what)(lambda request, error: "")


@pytest.mark.parametrize("around", ["nothing", "a hook", "a middleware", "an app"])
def test_a_page_that_fails_is_not_asked_to_answer_for_itself(around: str) -> None:
    """Whatever is put around the views: who writes a mail there would write two."""
    asked: list[str] = []
    app = app_raising(ZeroDivisionError())

    @app.errorhandler(Exception)
    def failing(request: Request, error: Exception) -> None:
        asked.append(type(error).__name__)
        raise KeyError

    outer = app
    if around == "a hook":
        app.teardown(lambda request, error: None)
    elif around == "a middleware":
        app.use(lambda handler: lambda request: handler(request))
    elif around == "an app":
        app.teardown(lambda request, error: None)
        outer = App()
        outer.mount("/", app)
        outer.teardown(lambda request, error: None)
    with pytest.raises(KeyError):
        ask(outer)
    assert asked == ["ZeroDivisionError"]

"""What runs around views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from salver import App, HTTPError, Request, Response, abort
from salver.app.views import ViewError
from salver.middleware import request_id
from tests.app.support import ask, asked, make, text


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def app(said: list[str]) -> App:
    app = App()

    @app.get("/{x:int}")
    def view(x: int) -> str:
        said.append(f"view {x}")
        return str(10 // x)

    for number in (1, 2):

        @app.before_request
        def before(request: Request, number: int = number) -> None:
            said.append(f"before {number} {request.path_params}")

        @app.after_request
        def after(request: Request, response: Response, number: int = number) -> None:
            said.append(f"after {number} {response.status}")
            response.headers[f"X-{number}"] = "y"

        @app.teardown
        def teardown(request: Request, error: BaseException | None, number: int = number) -> None:
            said.append(f"teardown {number} {type(error).__name__}")

    return app


def test_the_order(app: App, said: list[str]) -> None:
    response = ask(app, "/5")
    assert text(response) == "2" and response.headers["x-1"] == response.headers["x-2"] == "y"
    assert said == [
        "before 1 {'x': 5}", "before 2 {'x': 5}", "view 5", "after 2 200", "after 1 200",
        "teardown 2 NoneType", "teardown 1 NoneType",
    ]  # fmt: skip


def test_pages_of_errors_pass_them_too(app: App, said: list[str]) -> None:
    assert ask(app, "/none").headers["x-1"] == "y"
    assert said[2:] == ["after 2 404", "after 1 404", "teardown 2 HTTPError", "teardown 1 HTTPError"]
    assert ask(app, "/5", "PUT").headers["allow"] == "GET, HEAD, OPTIONS"
    said.clear()
    with pytest.raises(ZeroDivisionError):
        app(make("/0"))
    assert said[2:] == ["view 0", "teardown 2 ZeroDivisionError", "teardown 1 ZeroDivisionError"]
    app.errorhandler(500)(lambda request, error: "oops")
    said.clear()
    assert (ask(app, "/0").status, said[3]) == (500, "after 2 500")


def test_a_hook_may_answer_in_the_views_place(app: App, said: list[str]) -> None:
    app.before_request(lambda request: ("stopped", 403) if request.target == "/3" else None)
    assert (ask(app, "/3").status, ask(app, "/5").status) == (403, 200)
    assert "view 3" not in said and "after 1 403" in said and "view 5" in said


def test_a_hook_may_put_another_response_in_the_place(app: App) -> None:
    app.after_request(lambda request, response: ("another", 201))
    assert asked(app, "/5") == (201, "another")


def test_hooks_may_abort(app: App, said: list[str]) -> None:
    app.before_request(lambda request: abort(401, headers=[("WWW-Authenticate", "Basic")]))
    app.errorhandler(401)(lambda request, error: f"who? {error.status}")
    response = ask(app, "/5")
    assert (response.status, text(response), response.headers["www-authenticate"]) == (401, "who? 401", "Basic")


def test_what_an_after_hook_raises_is_an_answer_as_well(app: App, said: list[str]) -> None:
    @app.after_request
    def failing(request: Request, response: Response) -> None:
        abort(418)

    assert ask(app, "/5").status == 418
    assert said[-1] == "teardown 1 HTTPError"


def test_every_teardown_runs_and_the_first_error_is_raised(app: App, said: list[str]) -> None:
    @app.teardown
    def failing(request: Request, error: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        app(make("/5"))
    assert said[-2:] == ["teardown 2 NoneType", "teardown 1 NoneType"]


def test_teardown_is_told_of_what_ends_the_server() -> None:
    errors: list[Any] = []
    app = App()
    app.teardown(lambda request, error: errors.append(error))

    @app.get("/")
    def view() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        app(make("/"))
    assert isinstance(errors[0], KeyboardInterrupt)


def test_a_site_that_must_wait_has_not_run_anything(app: App, said: list[str]) -> None:
    class AtLimit(BaseException):
        pass

    def enter(site: object) -> None:
        raise AtLimit

    request = make("/5")
    request.exchange.enter = enter  # type: ignore[method-assign]
    with pytest.raises(AtLimit):
        app(request)
    assert said == []


def test_middleware_is_put_around_everything() -> None:
    app = App({"/": lambda request: "|".join(request.attributes["order"]), "/no": lambda: abort(404)})

    def wrapping(name: str) -> Any:
        def middleware(handler: Any) -> Any:
            def wrapper(request: Request) -> Any:
                request.attributes.setdefault("order", []).append(name)
                if request.target == "/stop":
                    raise HTTPError(429)
                return handler(request)

            return wrapper

        return middleware

    app.use(wrapping("inner"))
    app.use(wrapping("outer"))
    app.errorhandler(429)(lambda request, error: "slower")
    app.errorhandler(404)(lambda request, error: "nowhere")
    assert asked(app, "/") == (200, "outer|inner")
    assert (ask(app, "/stop").status, text(ask(app, "/stop"))) == (429, "slower")
    assert text(ask(app, "/no")) == text(ask(app, "/none")) == "nowhere"


@pytest.mark.parametrize("name", ["before_request", "after_request", "teardown"])
def test_a_hook_that_cannot_be_called_is_an_error_when_it_is_registered(name: str) -> None:
    def forgetful() -> None: ...

    async def later(*values: object) -> None: ...

    app = App()
    with pytest.raises(ViewError, match=r"hook .*forgetful \(tests/app/test_hooks.py:\d+\) has to take \(request"):
        getattr(app, name)(forgetful)
    with pytest.raises(ViewError, match="async def"):
        getattr(app, name)(later)
    with pytest.raises(ViewError, match="is a function, not None"):
        getattr(app, name)(None)
    getattr(app, name)(lambda *values: None)


def test_an_error_handler_and_a_middleware_that_are_none() -> None:
    app: Any = App()
    with pytest.raises(ViewError, match=r"has to take \(request, error\)"):
        app.errorhandler(404)(lambda error: "")
    with pytest.raises(TypeError, match="returns a handler; .* has returned None"):
        app.use(lambda handler: None)
    with pytest.raises(TypeError, match=r'@app.get\("/path"\)'):
        app.get(lambda request: "")


class Body:
    """Pieces that say whether they were let go of."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter((b"a", b"b"))

    def close(self) -> None:
        self.closed += 1


def test_a_body_that_a_hook_keeps_from_being_sent_is_closed() -> None:
    bodies: list[Body] = []

    def streaming(request: Request) -> Response:
        bodies.append(Body())
        return Response(bodies[-1])

    def replace(request: Request, response: Response) -> str:
        return "another"

    def fail(request: Request, response: object) -> None:
        raise ZeroDivisionError

    def keep(request: Request, response: Response) -> Response:
        return Response(piece.upper() for piece in response.body)  # type: ignore[union-attr]

    replacing, failing, torn, keeping = (App({"/": streaming}) for _ in range(4))
    replacing.after_request(replace)
    failing.after_request(fail)
    torn.teardown(fail)
    keeping.after_request(keep)
    assert asked(replacing) == (200, "another")
    for app in (failing, torn):
        with pytest.raises(ZeroDivisionError):
            app(make())
    response = ask(keeping)
    assert [body.closed for body in bodies] == [1, 1, 1, 0]
    assert b"".join(response.body) == b"AB"  # type: ignore[arg-type]


class Unknown(HTTPError):
    """An error with a class of its own."""


@pytest.mark.parametrize("target", ["/api/missing", "/api/unknown"])
def test_the_hooks_of_an_app_that_is_mounted_see_its_errors(target: str, said: list[str]) -> None:
    def unknown() -> str:
        raise Unknown(404)

    api = App({"/unknown": unknown})
    outer = App()
    outer.mount("/api", api)

    @api.after_request
    def mark(request: Request, response: Response) -> None:
        said.append(f"inner {response.status}")
        response.headers["X-Inner"] = "y"

    @outer.after_request
    def mark_too(request: Request, response: Response) -> None:
        said.append(f"outer {response.headers.get('x-inner')}")

    response = ask(outer, target)
    assert response.status == 404 and response.headers["x-inner"] == "y" and said == ["inner 404", "outer y"]
    outer.errorhandler(404)(lambda request, error: "the page of all")
    assert text(ask(outer, target)) == "the page of all"
    nearer = App()
    nearer.errorhandler(Unknown)(lambda request, error: "by its class")
    nearer.mount("/api", api)
    assert (text(ask(nearer, target)) == "by its class") == (target == "/api/unknown")


def test_a_page_of_the_app_above_has_what_middleware_below_adds_once(said: list[str]) -> None:
    api = App()
    api.after_request(lambda request, response: None)
    api.use(request_id())
    outer = App()
    outer.mount("/api", api)
    assert len(ask(outer, "/api/x").headers.get_all("x-request-id")) == 1
    outer.errorhandler(404)(lambda request, error: "the page of all")
    response = ask(outer, "/api/x")
    assert text(response) == "the page of all" and len(response.headers.get_all("x-request-id")) == 1

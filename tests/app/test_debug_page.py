"""The page that shows an exception: what is on it, what is not, and who gets to see it."""

from __future__ import annotations

import dataclasses
import html
import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from salver.app import App
from salver.app.debug_frames import raised_by, shown_value
from salver.app.debug_page import debug_page, may_see
from salver.request import ClientAddress, Request
from salver.response import Response
from salver.semantics.masking import MASK
from salver.testing import TestClient
from tests.middleware.support import Peer, request

HOME = Peer("127.0.0.1")
BROWSER = {"Host": "localhost:8000", "Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
EVIL = "<script>alert(1)</script>"


def caught(function: Callable[[], Any]) -> Exception:
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def fail(evil: str = EVIL, password: str = "hunter2") -> None:
    settings = {"SECRET_KEY": "very-hidden", "name": evil, "nested": [{"api_key": "k-123"}]}
    raise ValueError(f"no {evil} in {len(settings)}")


def page(error: Exception | None = None, fields: dict[str, str] | None = None, **more: Any) -> Response:
    return debug_page(request("/x", fields or BROWSER, peer=HOME, **more), error or caught(fail))


def text_of(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def test_a_browser_gets_a_page() -> None:
    response = page()
    shown = text_of(response)
    assert response.status == 500 and response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "<title>ValueError: no &lt;script&gt;" in shown
    assert "raise ValueError(f&quot;no {evil} in {len(settings)}&quot;)\n</span>" in shown
    assert f"<code>fail</code> in {html.escape('tests/app/test_debug_page.py')}, line " in shown
    assert "<tr><th>evil</th><td>&#x27;&lt;script&gt;" in shown
    assert "<tr><th>Host</th><td>localhost:8000</td></tr>" in shown


def test_nothing_on_it_runs() -> None:
    shown = text_of(page())
    assert "<script" not in shown and "javascript:" not in shown and not re.search(r"<[^>]*\son\w+=", shown)
    assert "<form" not in shown and "<input" not in shown and "http-equiv" not in shown


def test_secrets_are_left_out() -> None:
    fields = {**BROWSER, "Cookie": "session=abc-cookie", "Authorization": "Bearer abc-bearer", "X-Api-Key": "abc-key"}
    shown = text_of(debug_page(request("/x?token=abc-token&q=1", fields, peer=HOME), caught(fail)))
    for secret in ("hunter2", "very-hidden", "k-123", "abc-cookie", "abc-bearer", "abc-key", "abc-token"):
        assert secret not in shown, secret
    assert f"<tr><th>password</th><td>{MASK}</td></tr>" in shown and "q=1" in shown


@pytest.mark.parametrize("accept", ["*/*", "text/plain", None])
def test_curl_gets_text(accept: str | None) -> None:
    fields = {"Host": "127.0.0.1:8000"} | ({} if accept is None else {"Accept": accept})
    response = page(fields=fields)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    shown = text_of(response)
    assert shown.startswith("500 Internal Server Error\n\nTraceback (most recent call last):\n")
    assert shown.endswith(f"ValueError: no {EVIL} in 3\n") and "very-hidden" not in shown


def test_programs_get_json() -> None:
    response = page(fields={"Host": "localhost", "Accept": "application/json"})
    shown = json.loads(text_of(response))
    assert (shown["status"], response.headers["content-type"]) == (500, "application/json")
    assert shown["exceptions"][0]["type"] == "ValueError" and shown["exceptions"][0]["message"] == f"no {EVIL} in 3"
    assert shown["exceptions"][0]["frames"][-1]["function"] == "fail"


@pytest.mark.parametrize(
    ("peer", "fields"),
    [
        ("192.0.2.7", {}),
        ("10.0.0.1", {}),
        ("::2", {}),
        ("unix:", {}),
        ("128.0.0.1", {}),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}),
        ("127.0.0.1", {"Via": "1.1 proxy"}),
        ("127.0.0.1", {"Host": "rebound.evil.example"}),
        ("127.0.0.1", {"Host": "localhost.evil.example:8000"}),
        ("127.0.0.1", {"Host": "127.0.0.1.evil.example"}),
        ("127.0.0.1", {"Host": "192.0.2.7"}),
        ("127.0.0.1", {"Host": ""}),
    ],
)
def test_nobody_else_sees_anything(peer: str, fields: dict[str, str]) -> None:
    for accept in ("text/html", "application/json", "*/*"):
        asked = request("/x", {"Host": "localhost", "Accept": accept, **fields}, peer=Peer(peer))
        response = debug_page(asked, caught(fail))
        assert response.status == 500 and not may_see(asked)
        assert "ValueError" not in text_of(response) and "test_debug_page" not in text_of(response)


def test_who_claims_to_be_at_home_is_not() -> None:
    asked = request("/", {"Host": "localhost"}, peer=Peer("10.0.0.1"))
    asked.set_forwarded(client=ClientAddress("127.0.0.1", 1))
    assert not may_see(asked)
    asked = request("/", {"Host": "localhost"}, peer=HOME)
    asked.set_forwarded(client=ClientAddress("198.51.100.7", 1))
    assert not may_see(asked)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "app.localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_this_computer_does(peer: str, host: str) -> None:
    assert may_see(request("/", {"Host": host}, peer=Peer(peer)))


def test_what_led_to_it() -> None:
    def outer() -> None:
        try:
            fail()
        except ValueError as error:
            raise KeyError("second") from error

    def handling() -> None:
        try:
            outer()
        except KeyError:
            raise RuntimeError("third")  # noqa: B904 - that is what is looked at

    def silent() -> None:
        try:
            fail()
        except ValueError:
            raise RuntimeError("alone") from None

    chain = raised_by(caught(handling))
    assert [(each.kind, each.relation) for each in chain] == [
        ("RuntimeError", ""), ("KeyError", "It was raised while handling"), ("ValueError", "It was caused by"),
    ]  # fmt: skip
    assert len(raised_by(caught(silent))) == 1
    shown = text_of(page(caught(handling)))
    assert "<h2>It was caused by ValueError</h2>" in shown


def test_a_circle_ends() -> None:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    assert len(raised_by(first)) == 2


def test_a_deep_recursion_and_a_long_chain_stay_short() -> None:
    def down(depth: int) -> None:
        down(depth + 1)

    error = caught(lambda: down(0))
    raised = raised_by(error)[0]
    assert len(raised.frames) == 60 and raised.left_out > 500
    assert len(text_of(page(error))) < 600_000

    chained: Exception = ValueError("x")
    for _ in range(50):
        following = ValueError("x")
        following.__cause__ = chained
        chained = following
    assert len(raised_by(chained)) == 10


class Evil:
    def __repr__(self) -> str:
        raise SystemError("not this one")


class Large:
    def __repr__(self) -> str:
        return "L" * 1_000_000


@dataclasses.dataclass
class Settings:
    user: str
    password: str
    pin_token: int


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("x", 5, "5"),
        ("x", "é\n", "'é\\n'"),
        ("password", "hunter2", MASK),
        ("DB_PASSWORD", "hunter2", MASK),
        ("api_key", "hunter2", MASK),
        ("apiKey", "hunter2", MASK),
        ("authorization", "hunter2", MASK),
        ("session_id", "hunter2", MASK),
        ("monkey", "a", "'a'"),
        ("x", Evil(), "<Evil, whose repr raises SystemError>"),
        ("x", {"password": "hunter2", "a": 1}, f"{{'a': 1, 'password': {MASK}}}"),
        ("x", {"deep": [{"Token": b"hunter2"}]}, f"{{'deep': [{{'Token': {MASK}}}]}}"),
        ("x", Settings("me", "hunter2", 1234), f"Settings(user='me', password={MASK}, pin_token={MASK})"),
        ("x", [("Cookie", "hunter2"), ("Accept", "a")], f"[('Cookie', {MASK}), ('Accept', 'a')]"),
        ("x", "postgresql://me:hunter2@db/x", f"'postgresql://me:{MASK}@db/x'"),
        ("x", "a=1&access_token=hunter2&b=2", f"'a=1&access_token={MASK}&b=2'"),
        ("x", {"password": 'it\'s "hunter2"'}, f"{{'password': {MASK}}}"),
    ],
)
def test_values(name: str, value: object, shown: str) -> None:
    assert shown_value(name, value) == shown


def test_large_values_are_short() -> None:
    for value in (
        "s" * 10**7,
        b"b" * 10**7,
        bytearray(10**6),
        Large(),
        list(range(10**6)),
        {n: n for n in range(10**5)},
    ):
        assert len(shown_value("x", value)) < 2_000
    cut = shown_value("x", {"password": "p" * 5_000})
    assert "pp" not in cut


def broken_app(**settings: Any) -> App:
    app = App(debug=True, **settings)

    @app.get("/divide/{by:int}")
    def divide(request: Request, by: int) -> str:
        return str(1 / by)

    @app.get("/nothing")
    def nothing(request: Request) -> None:
        return None

    return app


def test_an_app_shows_it_and_logs_it(caplog: pytest.LogCaptureFixture) -> None:
    with TestClient(broken_app(), host="localhost:8000", raise_server_exceptions=False) as client:
        shown = client.get("/divide/0", headers={"Accept": "text/html"})
        assert shown.status == 500 and "ZeroDivisionError" in shown.text and "path_params.by" in shown.text
        assert [(record.levelno, record.exc_info is not None) for record in caplog.records] == [(logging.ERROR, True)]
        assert client.get("/divide/1").text == "1.0"


def test_an_app_shows_it_to_nobody_else() -> None:
    for settings in ({"client": ("192.0.2.7", 1), "host": "localhost"}, {"host": "site.example"}):
        with TestClient(broken_app(), raise_server_exceptions=False, **settings) as client:
            shown = client.get("/divide/0")
            assert shown.status == 500 and "ZeroDivision" not in shown.text


def test_without_debug_nobody_sees_it() -> None:
    app = broken_app()
    app.debug = False
    with TestClient(app, host="localhost", raise_server_exceptions=False) as client:
        assert "ZeroDivision" not in client.get("/divide/0").text


def test_a_syntax_error_and_one_without_a_traceback() -> None:
    error = caught(lambda: compile("def (:", "wrong.py", "exec"))
    assert "SyntaxError" in text_of(page(error)) and "wrong.py" in text_of(page(error))
    assert "NoTrace" in text_of(page(type("NoTrace", (Exception,), {})()))


def test_a_group_is_shown_whole_as_text() -> None:
    group = ExceptionGroup("several", [ValueError("one"), KeyError("two")])
    assert "ValueError: one" in text_of(page(group)) and "KeyError: &#x27;two&#x27;" in text_of(page(group))


def test_text_that_is_no_text() -> None:
    assert "\\udcff" in text_of(page(ValueError("\udcff")))

"""Forms and other sites: who may send what, and what a token gives away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from salver.app import App
from salver.app.csrf import FIELD, check_csrf, csrf_exempt, csrf_field, csrf_protect, csrf_token, new_csrf_token
from salver.app.sessions import sessions
from salver.handler import HandlerOptions, options
from salver.middleware import time_limit
from salver.problem import HTTPError
from salver.request import Request
from salver.testing import TestClient
from tests.middleware.support import request

SECRET = "correct-horse-battery-staple-9000-times"
UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]


def shop(**settings: Any) -> App:
    app = App()
    app.use(csrf_protect(**settings))
    app.use(sessions(secret_key=SECRET))

    @app.get("/form")
    def form(request: Request) -> str:
        return csrf_token(request)

    @app.route("/buy", UNSAFE)
    def buy(request: Request) -> str:
        return f"bought {request.form.get('what')}"

    @app.post("/hook/{name}")
    @csrf_exempt
    def hook(request: Request, name: str) -> str:
        return f"hooked {name}"

    @app.post("/login")
    def login(request: Request) -> str:
        new_csrf_token(request)
        return "in"

    app.mount("/api", csrf_exempt(lambda request: "an api"))
    app.mount("/elsewhere", lambda request: "elsewhere")
    return app


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(shop()) as client:
        yield client


def test_a_form_of_ours_passes(client: TestClient) -> None:
    token = client.get("/form").text
    for fields in (
        {}, {"Origin": "http://testserver"}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"},
        {"Origin": "HTTP://TESTSERVER"}, {"Origin": "http://x.example", "Sec-Fetch-Site": "same-origin"},
    ):  # fmt: skip
        sent = client.post("/buy", data={FIELD: token, "what": "eggs"}, headers=fields)
        assert (sent.status, sent.text) == (200, "bought eggs"), fields


@pytest.mark.parametrize("method", UNSAFE)
def test_the_token_may_be_in_a_field_of_the_head(client: TestClient, method: str) -> None:
    token = client.get("/form").text
    assert client.request(method, "/buy", headers={"X-CSRF-Token": token}).status == 200


def test_it_may_be_in_a_multipart_form(client: TestClient) -> None:
    token = client.get("/form").text
    sent = client.post("/buy", data={FIELD: token, "what": "eggs"}, files={"file": b"x"})
    assert sent.text == "bought eggs"


@pytest.mark.parametrize(
    "fields",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin, cross-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
        {"Origin": "http://evil.example"},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver:81"},
        {"Origin": "http://testserver.evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
    ],
)
def test_a_page_elsewhere_is_refused_whatever_it_knows(client: TestClient, fields: dict[str, str]) -> None:
    token = client.get("/form").text
    assert client.post("/buy", data={FIELD: token}, headers=fields).status == 403


@pytest.mark.parametrize("method", UNSAFE)
def test_without_a_token_it_is_refused(client: TestClient, method: str) -> None:
    assert client.request(method, "/buy").status == 403
    client.get("/form")
    refused = client.request(method, "/buy", headers={"Accept": "text/plain"})
    assert refused.status == 403 and "load its page again" in refused.text


@pytest.mark.parametrize("spoil", [
    lambda token: "", lambda token: token[:-1], lambda token: token + "A", lambda token: "é" * 86,
    lambda token: ("B" if token[0] == "A" else "A") + token[1:], lambda token: token[43:] + token[:43],
    lambda token: "A" * 86, lambda token: "-" * 86, lambda token: " " + token[1:], lambda token: "x" * 100_000,
])  # fmt: skip
def test_a_token_that_is_none(client: TestClient, spoil: Callable[[str], str]) -> None:
    token = client.get("/form").text
    assert client.post("/buy", data={FIELD: spoil(token)}).status == 403


def test_a_token_of_somebody_else(client: TestClient) -> None:
    client.get("/form")
    with TestClient(shop()) as other:
        stolen = other.get("/form").text
    assert client.post("/buy", data={FIELD: stolen}).status == 403


def test_tokens_differ_in_every_response_and_all_hold(client: TestClient) -> None:
    tokens = [client.get("/form").text for _ in range(10)]
    assert len(set(tokens)) == 10
    for place in range(0, 86, 7):  # nothing in them stands still
        assert len({token[place] for token in tokens}) > 1
    assert all(client.post("/buy", data={FIELD: token}).status == 200 for token in tokens)


def test_after_a_login_the_old_tokens_are_none(client: TestClient) -> None:
    token = client.get("/form").text
    assert client.post("/login", data={FIELD: token}).text == "in"
    assert client.post("/buy", data={FIELD: token}).status == 403
    assert client.post("/buy", data={FIELD: client.get("/form").text}).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_is_safe_passes(client: TestClient, method: str) -> None:
    assert client.request(method, "/form", headers={"Origin": "http://evil.example"}).status < 300


def test_what_is_exempt_passes(client: TestClient) -> None:
    foreign = {"Origin": "http://evil.example"}
    assert client.post("/hook/x", headers=foreign).text == "hooked x"
    assert client.post("/api/x", headers=foreign).text == "an api"
    assert client.post("/elsewhere/x", headers=foreign).status == 403
    assert client.post("/nowhere", headers=foreign).status == 403


def test_an_exemption_stays_with_options_and_wrappers() -> None:
    def view(request: Request) -> str:
        return ""

    view.salver_options = "somebody else's"  # type: ignore[attr-defined]
    exempt = HandlerOptions(True, max_body=5, marks=frozenset(("csrf_exempt",)))
    assert options(blocking=True, max_body=5)(csrf_exempt(view)).salver_options == exempt  # type: ignore[attr-defined]
    assert time_limit(5)(csrf_exempt(view)).salver_options == exempt  # type: ignore[attr-defined]


def test_origins_that_are_trusted() -> None:
    with TestClient(shop(trusted_origins=["https://app.example"])) as client:
        token = client.get("/form").text
        fields = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
        assert client.post("/buy", headers={**fields, "X-CSRF-Token": token}).status == 200
        assert client.post("/buy", headers=fields).status == 403
    for origin in ("app.example", "https://app.example/", "null", ""):
        with pytest.raises(ValueError, match="not an origin"):
            csrf_protect(trusted_origins=[origin])


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "own"),
    [
        ("https", "a.example", "https://a.example", True),
        ("https", "a.example:443", "https://a.example", True),
        ("http", "a.example:80", "http://a.example", True),
        ("http", "a.example:8000", "http://a.example:8000", True),
        ("https", "a.example:80", "https://a.example", False),
        ("http", "a.example", "https://a.example", False),
        ("http", "[::1]:8000", "http://[::1]:8000", True),
    ],
)
def test_which_origin_is_ours(scheme: str, host: str, origin: str, own: bool) -> None:
    with TestClient(shop(), scheme=scheme, host=host) as client:
        token = client.get("/form").text
        assert (client.post("/buy", headers={"Origin": origin, "X-CSRF-Token": token}).status == 200) == own


def test_a_refusal_is_one_line_in_the_log_with_nothing_raw_in_it(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "salver.app")
    client.post("/buy", headers={"Origin": "http://\x85<script>" + "x" * 5_000})
    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(lines) == 1 and len(lines[0]) < 300
    assert lines[0].startswith("refused POST '/buy': Origin is 'http://\\x85<script>xxx")
    assert lines[0].endswith("and not 'http://testserver'; behind a proxy, use trusted_proxies")
    assert caplog.records[-1].exc_info is None


@pytest.mark.parametrize(
    ("told", "reason"), [({}, "there is no token in it"), ({"X-CSRF-Token": "x"}, "its token is none")]
)
def test_the_log_says_what_was_wrong(
    client: TestClient, caplog: pytest.LogCaptureFixture, told: dict[str, str], reason: str
) -> None:
    caplog.set_level(logging.INFO, "salver.app")
    client.get("/form")
    client.post("/buy?token=abc", headers=told)
    assert caplog.records[-1].getMessage() == f"refused POST '/buy': {reason}"


def test_a_view_that_reads_its_form_itself_can_check() -> None:
    app = App()
    app.use(csrf_protect())
    app.use(sessions(secret_key=SECRET))
    app.add_route("/form", lambda request: csrf_token(request))

    @app.post("/upload")
    @csrf_exempt
    def upload(request: Request) -> str:
        request.read_form()
        check_csrf(request)
        return "taken"

    with TestClient(app) as client:
        token = client.get("/form").text
        assert client.post("/upload", data={FIELD: token}).text == "taken"
        assert client.post("/upload", data={FIELD: "x"}).status == 403


def test_the_field_for_a_form() -> None:
    asked = request()
    asked.attributes["session"] = {}
    field = csrf_field(asked)
    assert field.__html__() == field and field.startswith(f'<input type="hidden" name="{FIELD}" value="')
    assert not set(field.split('value="')[1][:-2]) & set('<>"&')


def test_a_session_with_something_else_in_its_place() -> None:
    for kept in ("short", 5, None, ["x"], "*" * 43):
        asked = request("/", method="POST")
        asked.attributes["session"] = {"_csrf": kept}
        with pytest.raises(HTTPError, match="403"):
            check_csrf(asked)
        assert len(csrf_token(asked)) == 86


def test_without_sessions_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="session middleware"):
        csrf_protect()(lambda: "x")(request("/", method="POST"))

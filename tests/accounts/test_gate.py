"""Who is there: the session's cookie on each kind of connection, what another site's page may not do, and what is kept
from those who are not logged in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from salver import App, Request, Response
from salver.accounts.errors import StoreUnavailable
from salver.problem import HTTPError
from salver.testing import TestClient
from tests.accounts.conftest import PASSWORD, Site

LOGIN = {"username": "ada", "password": PASSWORD}
ELSEWHERE = ("192.0.2.1", 50_000)


def given(site: Site, client: TestClient, path: str = "/accounts/api/login") -> str:
    """The Set-Cookie of a login, its value left out."""
    if not site.accounts.registrar.users():
        site.accounts.registrar.register("ada", PASSWORD)
    (field,) = client.post(path, json=LOGIN).headers.get_all("set-cookie")
    name, _, rest = field.partition("=")
    value, _, attributes = rest.partition(";")
    assert len(value) == 43
    return f"{name};{attributes}"


GUARDED = "__Host-salver; Max-Age=7776000; Path=/; Secure; HttpOnly; SameSite=Lax"
PLAIN = "salver; Max-Age=7776000; Path=/; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    ("scheme", "host", "client", "cookie"),
    [
        ("https", "example.org", ELSEWHERE, GUARDED),
        ("https", "localhost", ("127.0.0.1", 1), GUARDED),
        ("http", "localhost", ("127.0.0.1", 1), PLAIN),
        ("http", "localhost:8000", ("127.0.0.1", 1), PLAIN),
        ("http", "127.0.0.1:8000", ("127.0.0.1", 1), PLAIN),
        ("http", "[::1]:8000", ("::1", 1), PLAIN),
        ("http", "app.localhost", ("::ffff:127.0.0.1", 1), PLAIN),
        ("http", "app.localhost", ("::ffff:127.0.0.2", 1), PLAIN),
        # A browser keeps no Secure cookie that came over plain http, so that these have none.
        ("http", "example.org", ELSEWHERE, GUARDED),
        ("http", "example.org", ("127.0.0.1", 1), GUARDED),
        ("http", "localhost", ELSEWHERE, GUARDED),
        ("http", "localhost.example.org", ("127.0.0.1", 1), GUARDED),
        ("http", "127.0.0.1.example.org", ("127.0.0.1", 1), GUARDED),
        ("http", "127.999.1.1", ("127.0.0.1", 1), GUARDED),
        ("http", "localhost", ("127.evil.example", 1), GUARDED),
        ("http", "localhost", ("unix:", 0), GUARDED),  # a proxy that asks by its own name for the server
    ],
)
def test_the_cookie(site: Site, scheme: str, host: str, client: tuple[str, int], cookie: str) -> None:
    assert given(site, site.client(scheme=scheme, host=host, client=client)) == cookie


def test_plain_http_to_others_has_to_be_asked_for(make_site: Callable[..., Site]) -> None:
    site = make_site(dangerous_plain_http=True)
    assert given(site, site.client(host="example.org", client=ELSEWHERE)) == PLAIN
    assert given(site, site.client(scheme="https", host="example.org", client=ELSEWHERE)) == GUARDED


def test_the_cookies_name_belongs_to_the_connection(site: Site) -> None:
    """What another host, or plain http, may have planted under the plain name is no session over https."""
    home = site.logged_in()
    text = home.cookies["salver"]
    secure = site.client(scheme="https", host="example.org", client=ELSEWHERE)
    assert secure.get("/mine", headers={"Cookie": f"salver={text}"}).status == 401
    assert secure.get("/mine", headers={"Cookie": f"__Host-salver={text}"}).status == 200
    assert home.get("/mine", headers={"Cookie": f"__Host-salver={text}"}).status == 401


def test_logging_out_takes_the_cookie_back(site: Site) -> None:
    client = site.logged_in(scheme="https")
    (field,) = client.post("/accounts/api/logout").headers.get_all("set-cookie")
    assert field.startswith("__Host-salver=; Max-Age=0; ")
    assert "Secure" in field
    assert "__Host-salver" not in client.cookies


# Other sites


@pytest.mark.parametrize("path", ["/accounts/api/logout", "/accounts/logout", "/mine"])
@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ({}, True),  # no browser
        ({"Origin": "https://example.org"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://example.org"}, False),
        ({"Origin": "https://example.org:8443"}, False),
        ({"Origin": "https://example.org.evil.example"}, False),
        ({"Origin": "https://www.example.org"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"}, False),
    ],
)
def test_what_changes_something_comes_from_here(site: Site, path: str, fields: dict[str, str], allowed: bool) -> None:
    client = site.logged_in(scheme="https", host="example.org")
    answer = client.post(path, headers=fields)
    assert (answer.status != 403) is allowed
    assert (client.get("/mine").status == 200) is (not allowed or path == "/mine")


def test_a_proxy_may_speak_tls_for_us(site: Site) -> None:
    client = site.client(host="example.org", client=("127.0.0.1", 1))
    assert client.post("/accounts/api/logout", headers={"Origin": "https://example.org"}).status == 200
    assert client.post("/accounts/api/logout", headers={"Origin": "http://example.org"}).status == 200
    assert client.post("/accounts/api/logout", headers={"Origin": "https://evil.example"}).status == 403


def test_what_only_reads_may_come_from_anywhere(site: Site) -> None:
    client = site.logged_in(scheme="https", host="example.org")
    assert client.get("/mine", headers={"Sec-Fetch-Site": "cross-site"}).status == 200


def test_a_login_from_another_sites_page_is_refused(site: Site) -> None:
    """Or a page could log its reader in as somebody else."""
    site.accounts.registrar.register("ada", PASSWORD)
    answer = site.client().post("/accounts/api/login", json=LOGIN, headers={"Origin": "https://evil.example"})
    assert (answer.status, answer.json()["error"]) == (403, "foreign_origin")
    assert "set-cookie" not in answer.headers


# What is protected


def test_who_is_logged_in_is_let_in(site: Site) -> None:
    answer = site.logged_in().get("/mine")
    assert (answer.status, answer.text) == (200, "Hello, ada")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Cookie"


def test_a_program_is_told(site: Site) -> None:
    answer = site.client().get("/mine", headers={"Accept": "application/json"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Session realm="Salver"'
    assert answer.json()["detail"] == "Please log in."
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "image/png"])
def test_only_pages_lead_to_the_login(site: Site, accept: str) -> None:
    assert site.client().get("/mine", headers={"Accept": accept}).status == 401
    assert site.client().post("/mine", headers={"Accept": "text/html"}).status == 401


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/mine", "/accounts/login?next=/mine"),
        ("/mine?a=b&c=%C3%BC", "/accounts/login?next=/mine%3Fa%3Db%26c%3D%25C3%25BC"),
    ],
)
def test_a_person_is_led_to_the_login(site: Site, target: str, location: str) -> None:
    answer = site.client().get(target, headers={"Accept": "text/html,*/*"})
    assert (answer.status, answer.headers["Location"]) == (303, location)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_login_elsewhere_than_usual(make_site: Callable[..., Site]) -> None:
    site = make_site(at="/people/")
    answer = site.client().get("/mine", headers={"Accept": "text/html"})
    assert answer.headers["Location"] == "/people/login?next=/mine"


def test_views_with_parameters_and_responses_of_their_own(site: Site) -> None:
    def view(request: Request, name: str) -> Response:
        return Response(f"{name} for {request.user.name}", 201, {"Vary": "Accept", "Cache-Control": "public"})

    site.app.add_route("/of/{name}", site.accounts.login_required(view))
    answer = site.logged_in().get("/of/things")
    assert (answer.status, answer.text) == (201, "things for ada")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Accept, Cookie"
    assert site.client().get("/of/things").status == 401


@pytest.mark.parametrize("error", [HTTPError(404, "There is no such letter."), LookupError("a letter")])
def test_a_page_for_an_error_is_as_private(site: Site, error: Exception) -> None:
    def view() -> Response:
        raise error

    site.app.add_route("/letters", site.accounts.login_required(view))
    answer = site.logged_in(raise_server_exceptions=False).get("/letters")
    assert answer.status in (404, 500)
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Vary"] == "Cookie"


def test_a_whole_app_is_protected_by_one_line(site: Site) -> None:
    inner = App()
    inner.add_route("/deep", lambda request: request.user.name)
    site.app.mount("/inner", site.accounts.require(inner))
    assert site.logged_in().get("/inner/deep").text == "ada"
    assert site.client().get("/inner/deep").status == 401
    assert site.client().get("/inner/nothing").status == 401, "what is there is not said either"


def test_a_page_for_everybody_may_ask_who_it_is(site: Site) -> None:
    def greet(request: Request) -> str:
        user = site.accounts.user_of(request)
        return f"Hello, {user.shown_name if user else 'stranger'}; {request.user is user}"

    site.app.add_route("/greet", greet)
    assert site.client().get("/greet").text == "Hello, stranger; True"
    assert site.logged_in().get("/greet").text == "Hello, ada; True"


def test_a_database_that_cannot_be_asked_closes_what_is_protected_alone(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = site.logged_in()
    site.app.add_route("/greet", lambda request: str(site.accounts.user_of(request)))

    def session(*_: object) -> None:
        raise StoreUnavailable("gone", retry_after=2)

    monkeypatch.setattr(site.accounts._store, "session", session)
    for path in ("/mine", "/greet", "/accounts/account", "/accounts/login", "/accounts/api/me", "/accounts/"):
        answer = client.get(path)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2"), path
    assert client.get("/").text == "for everybody"
    assert client.get("/accounts/accounts.css").status == 200
    assert site.client().get("/mine").status == 401, "who brings no session is not looked up"

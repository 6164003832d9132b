"""Sessions: what lasts, what is not believed, what the cookie says, and which secrets are none."""

from __future__ import annotations

import base64
import hashlib
import random
import re
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

import itsdangerous
import pytest

from salver.app.sessions import Session, SessionError, sessions
from salver.problem import HTTPError, finished, problem, problem_of
from salver.request import Request
from salver.response import Response
from tests.middleware.support import Peer, request

SECRET = "correct-horse-battery-staple-9000-times"
OTHER = "another-secret-that-nobody-guesses-ever"
HTTPS = Peer(scheme="https")


class Browser:
    """Keeps cookies by name, sends them back, and has a clock."""

    def __init__(self, *, peer: Peer | None = None, **settings: Any) -> None:
        self.now = 1_700_000_000.0
        self.cookies: dict[str, str] = {}
        self.peer = peer
        self.settings: dict[str, Any] = {"secret_key": SECRET, "clock": lambda: self.now, **settings}

    def ask(self, view: Callable[[Request], Any], **settings: Any) -> Response:
        fields = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        handler = sessions(**{**self.settings, **settings})(view)
        response = handler(request("/", fields if self.cookies else {}, peer=self.peer))
        for line in response.headers.get_all("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "Max-Age=0" in line:
                self.cookies.pop(name)
            else:
                self.cookies[name] = value
        return response

    def read(self, **settings: Any) -> dict[str, Any]:
        seen: list[dict[str, Any]] = []
        self.ask(lambda request: seen.append(dict(request.session)) or "", **settings)
        return seen[0]


def put(**values: Any) -> Callable[[Request], str]:
    def view(request: Request) -> str:
        request.session.update(values)
        return ""

    return view


def set_cookie(response: Response) -> str:
    return response.headers.get("set-cookie", "")


def test_what_is_put_in_comes_back() -> None:
    browser = Browser()
    assert browser.read() == {}
    browser.ask(put(user=7, names=["é", None, 1.5]))
    assert browser.read() == {"user": 7, "names": ["é", None, 1.5]}


def test_the_cookie_on_http_and_on_https() -> None:
    plain = set_cookie(Browser().ask(put(a=1)))
    assert re.fullmatch(r"session=[\w.-]+; Max-Age=1209600; Path=/; HttpOnly; SameSite=Lax", plain)
    safe = set_cookie(Browser(peer=HTTPS).ask(put(a=1)))
    assert re.fullmatch(r"__Host-session=[\w.-]+; Max-Age=1209600; Path=/; Secure; HttpOnly; SameSite=Lax", safe)


def test_a_shared_cookie_and_other_settings() -> None:
    shared = set_cookie(Browser(peer=HTTPS, domain="example.org", samesite="Strict", max_age=60).ask(put(a=1)))
    assert shared.startswith("__Secure-session=") and "; Domain=example.org; " in shared
    assert "; Max-Age=60; " in shared and shared.endswith("; SameSite=Strict")
    assert set_cookie(Browser(peer=HTTPS, path="/app").ask(put(a=1))).startswith("__Secure-session=")
    assert set_cookie(Browser(secure=True).ask(put(a=1))).startswith("__Host-session=")
    assert set_cookie(Browser(samesite="None", peer=HTTPS).ask(put(a=1))).endswith("; SameSite=None")
    assert set_cookie(Browser(samesite="None").ask(put(a=1))).endswith("; SameSite=Lax")
    assert set_cookie(Browser(samesite="Strict").ask(put(a=1))).endswith("; SameSite=Strict")


def test_on_https_only_the_name_with_the_prefix_counts() -> None:
    """One without could have been planted from a subdomain, or over plain HTTP."""
    planted = Browser()
    planted.ask(put(user="attacker"))
    planted.peer = HTTPS
    assert planted.read() == {}


def test_nothing_is_said_where_nothing_was_asked() -> None:
    browser = Browser()
    browser.ask(put(a=1))
    response = browser.ask(lambda request: "x")
    assert dict(response.headers) == {"content-type": "text/html; charset=utf-8"}


def test_reading_sets_no_cookie_but_tells_the_caches() -> None:
    browser = Browser()
    browser.ask(put(a=1))
    for view in (lambda request: str(request.session["a"]), put(a=1), lambda request: str("b" in request.session)):
        response = browser.ask(view)
        assert set_cookie(response) == "" and response.headers["vary"] == "Cookie"
        assert response.headers["cache-control"] == "private"
    own = browser.ask(
        lambda request: Response(str(len(request.session)), 200, {"Cache-Control": "no-store", "Vary": "*"})
    )
    assert own.headers["cache-control"] == "no-store" and own.headers["vary"] == "*"


def test_a_change_inside_of_a_value_counts() -> None:
    browser = Browser()
    browser.ask(put(cart=[]))
    browser.ask(lambda request: request.session["cart"].append("egg") or "")
    browser.ask(lambda request: request.session["cart"].append("ham") or "")
    assert browser.read() == {"cart": ["egg", "ham"]}


def test_an_empty_session_deletes_its_cookie_and_sets_none() -> None:
    browser = Browser()
    assert set_cookie(browser.ask(lambda request: request.session.clear() or "")) == ""
    browser.ask(put(a=1))
    gone = set_cookie(browser.ask(lambda request: request.session.clear() or ""))
    assert gone == "session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax" and browser.cookies == {}
    browser.peer = HTTPS
    browser.ask(put(a=1))
    assert "; Secure; " in set_cookie(browser.ask(lambda request: request.session.pop("a") and ""))


def test_it_is_new_until_it_comes_back() -> None:
    browser, seen = Browser(), []
    for _ in range(2):
        browser.ask(lambda request: seen.append(request.session.is_new) or request.session.setdefault("a", "b"))
    assert seen == [True, False]


@pytest.mark.parametrize("place", range(0, 60, 3))
def test_one_that_was_changed_on_its_way_is_empty(place: int) -> None:
    browser = Browser()
    browser.ask(put(user="me"))
    value = browser.cookies["session"]
    place %= len(value)
    browser.cookies["session"] = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
    # The last character of a base64 number may carry bits that mean nothing; everything else has to count.
    if place != len(value) - 1:
        assert browser.read() == {}


@pytest.mark.parametrize("value", ["", "x", "a.b.c", ".", "..", "é", "%", "W10.aaaaaa.bbbb", "A" * 4_000, "." * 500])
def test_what_was_never_ours_is_empty(value: str) -> None:
    browser = Browser()
    browser.cookies["session"] = value
    assert browser.read() == {}


def test_another_key_another_name_and_another_kind_are_not_ours() -> None:
    browser = Browser()
    browser.ask(put(a=1))
    assert browser.read(secret_key=OTHER) == {}
    browser.cookies["renamed"] = browser.cookies["session"]
    assert browser.read(name="renamed") == {}
    kinds = itsdangerous.URLSafeTimedSerializer(SECRET.encode(), salt="salver.session.session")
    browser.cookies["session"] = str(kinds.dumps({"a": 1}))  # SHA-1, as the library does by itself
    assert browser.read() == {}


def test_what_is_signed_and_no_dict_is_empty() -> None:
    browser = Browser()
    signed = itsdangerous.URLSafeTimedSerializer(
        SECRET.encode(), salt="salver.session.session",
        signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
    )  # fmt: skip
    browser.cookies["session"] = str(signed.dumps(["a"]))
    assert browser.read(clock=time.time) == {}


def test_it_gets_old() -> None:
    browser = Browser(max_age=100)
    browser.ask(put(a=1))
    browser.now += 100
    assert browser.read() == {"a": 1}  # and is renewed: it was used in its second half
    browser.now += 100
    assert browser.read() == {"a": 1}
    browser.now += 101
    assert browser.read() == {}


def test_clocks_that_differ_end_no_session() -> None:
    """Another machine's, or ours that was set back: by an hour, and no further."""
    browser = Browser(max_age=100)
    browser.ask(put(a=1))
    for behind, seen in ((1, {"a": 1}), (3_600, {"a": 1}), (3_602, {})):
        assert browser.read(clock=lambda behind=behind: browser.now - behind) == seen


def test_it_is_renewed_in_its_second_half_alone() -> None:
    browser = Browser(max_age=100)
    browser.ask(put(a=1))
    browser.now += 50
    assert set_cookie(browser.ask(lambda request: str(request.session["a"]))) == ""
    browser.now += 1
    assert set_cookie(browser.ask(lambda request: "unread")) == ""
    assert set_cookie(browser.ask(lambda request: str(request.session["a"]))) != ""


def test_keys_change_without_anybody_losing_a_session() -> None:
    browser = Browser()
    browser.ask(put(a=1))
    assert browser.read(secret_key=[OTHER, SECRET]) == {"a": 1}
    browser.ask(put(b=2), secret_key=[OTHER, SECRET])
    assert browser.read(secret_key=OTHER) == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "secret",
    [
        None,
        "",
        b"",
        [],
        ["", SECRET],
        [SECRET, None],
        "secret",
        "x" * 31,
        "abcdefghijklmnopqrstuvwxyz01234",
        "x" * 64,
        "abcabc" * 10,
        [SECRET, "short"],
        5,
        [5],
    ],
)
def test_secrets_that_are_none(secret: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        sessions(secret_key=secret)
    if not isinstance(secret, int):
        assert "secret" in str(caught.value)
    assert "short" not in str(caught.value)  # an error goes into logs


@pytest.mark.parametrize("secret", [None, "", [], ["", SECRET], [SECRET, None]])
def test_one_that_is_missing_is_called_missing(secret: Any) -> None:
    with pytest.raises(ValueError, match="sessions need a secret_key"):
        sessions(secret_key=secret)


def test_the_way_to_a_secret_is_told() -> None:
    with pytest.raises(ValueError, match=r"secrets\.token_urlsafe\(32\)"):
        sessions(secret_key="dev")
    for good in (secrets.token_urlsafe(32), secrets.token_hex(32), bytes(range(32))):
        sessions(secret_key=good)


@pytest.mark.parametrize(
    "settings",
    [{"name": "a b"}, {"name": "__Host-x"}, {"max_age": 0}, {"samesite": "x"}, {"path": "x"}, {"domain": "a;b"}],
)
def test_settings_that_no_cookie_may_have(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        sessions(secret_key=SECRET, **settings)


def test_what_is_too_large_says_so() -> None:
    noise = "".join(map(chr, random.Random(1).choices(range(33, 127), k=5_000)))
    with pytest.raises(
        SessionError, match=r"cookie of \d+ bytes, and browsers keep 4000; the most is in 'big'\. Keep an id"
    ):
        Browser().ask(put(small=1, big=noise))


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, {"deep": [object()]}, {(1, 2): 3}])
def test_what_json_has_not_says_where_it_is(value: Any) -> None:
    with pytest.raises(SessionError, match=r"session\['it'\] cannot be kept"):
        Browser().ask(put(fine=1, it=value))


def test_keys_are_text() -> None:
    with pytest.raises(SessionError, match="keys are str, not 5"):
        Browser().ask(lambda request: request.session.__setitem__(5, 1))


def test_nothing_of_it_is_pickled_and_anybody_can_read_it() -> None:
    browser = Browser()
    browser.ask(put(user="me"))
    payload = browser.cookies["session"].split(".")[0]
    assert base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)) == b'{"user":"me"}'


def test_no_value_shows_in_its_repr() -> None:
    seen: list[str] = []
    Browser().ask(lambda request: request.session.update(token="hidden") or seen.append(repr(request.session)) or "")
    assert seen == ["<Session with 'token'>"]


def test_it_is_a_mapping() -> None:
    seen: list[Any] = []

    def view(request: Request) -> str:
        session = request.session
        assert isinstance(session, Session)
        session["a"] = 1
        seen.extend([session.get("b"), session.pop("a"), "a" in session, len(session), list(session)])
        with pytest.raises(KeyError):
            session["a"]
        return ""

    Browser().ask(view)
    assert seen == [None, 1, False, 0, []]


def test_an_error_that_passes_keeps_what_was_changed() -> None:
    def view(request: Request) -> str:
        request.session["tries"] = 1
        raise HTTPError(403)

    asked = request()
    with pytest.raises(HTTPError) as caught:
        sessions(secret_key=SECRET)(view)(asked)
    assert set_cookie(problem_of(asked, caught.value)).startswith("session=")


def test_what_a_handler_that_fails_has_changed_is_half_of_something() -> None:
    def view(request: Request) -> str:
        request.session["cart"] = "half"
        raise LookupError

    asked = request()
    with pytest.raises(LookupError):
        sessions(secret_key=SECRET)(view)(asked)
    assert not set_cookie(finished(asked, problem(asked, 500)))


def test_without_the_middleware_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="session middleware"):
        request().session


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "itsdangerous", None)
    with pytest.raises(ImportError, match=r'pip install "salver\[sessions\]"'):
        sessions(secret_key=SECRET)

"""Fields that tell browsers to be careful: which go out, when, and what stands in their way."""

from __future__ import annotations

import re
from typing import Any

import pytest

from salver.middleware import security_headers
from salver.problem import HTTPError, problem, problem_of
from salver.protocol.errors import LocalProtocolError
from salver.request import Request
from salver.response import Response
from tests.middleware.support import Peer, request

HTTPS = Peer(scheme="https")


def ask(made: Any = "x", *, peer: Peer | None = None, host: str = "site.example", **settings: Any) -> Response:
    handler = made if callable(made) else lambda request: made
    response: Response = security_headers(**settings)(handler)(request("/", {"Host": host}, peer=peer))
    return response


def test_the_defaults() -> None:
    headers = ask(peer=HTTPS).headers
    assert dict(headers) == {
        "content-type": "text/html; charset=utf-8",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'",
        "strict-transport-security": "max-age=31536000",
    }


def test_only_https_insists_on_https() -> None:
    assert "strict-transport-security" not in ask().headers


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8443", "localhost.", "app.localhost", "app.localhost:8443"])
def test_a_name_that_others_use_too_does_not_insist(host: str) -> None:
    assert "strict-transport-security" not in ask(peer=HTTPS, host=host).headers


def test_how_long_and_how_far_it_insists() -> None:
    headers = ask(peer=HTTPS, hsts_seconds=60, hsts_subdomains=True).headers
    assert headers["strict-transport-security"] == "max-age=60; includeSubDomains"
    assert "strict-transport-security" not in ask(peer=HTTPS, hsts_seconds=None).headers
    own = Response("x", 200, {"Strict-Transport-Security": "max-age=0"})
    assert ask(own, peer=HTTPS).headers.get_all("strict-transport-security") == ["max-age=0"]


def test_each_can_be_left_out_or_be_another() -> None:
    headers = ask(
        content_security_policy="default-src https:", report_only=True, frame_options=None, referrer_policy=None,
        permissions_policy=None, others={"Cross-Origin-Resource-Policy": None, "X-Own": "1"},
    ).headers  # fmt: skip
    assert sorted(headers) == [
        "content-security-policy-report-only", "content-type", "cross-origin-opener-policy", "x-content-type-options",
        "x-own",
    ]  # fmt: skip


def test_what_the_handler_says_stands() -> None:
    own = Response("x", 200, {"x-frame-options": "SAMEORIGIN", "Content-Security-Policy": "default-src *"})
    headers = ask(own).headers
    assert headers.get_all("X-Frame-Options") == ["SAMEORIGIN"]
    assert headers.get_all("Content-Security-Policy") == ["default-src *"]


def test_a_page_of_ours_keeps_its_own_policy() -> None:
    headers = ask(lambda request: problem(request, 404)).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-frame-options"] == "DENY"


def test_an_error_that_passes_has_them_too() -> None:
    def refuse(request: Request) -> Response:
        raise HTTPError(403)

    asked = request()
    with pytest.raises(HTTPError) as caught:
        security_headers()(refuse)(asked)
    assert problem_of(asked, caught.value).headers["x-frame-options"] == "DENY"


def test_a_nonce_of_each_request() -> None:
    seen: list[str] = []

    def page(request: Request) -> str:
        seen.append(request.attributes["csp_nonce"])
        return f"<script nonce={seen[-1]}>"

    policies = {
        ask(page, content_security_policy="script-src 'nonce-{nonce}'").headers["content-security-policy"]
        for _ in range(20)
    }
    assert policies == {f"script-src 'nonce-{nonce}'" for nonce in seen} and len(policies) == 20
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}==", nonce) for nonce in seen)  # 128 bits


@pytest.mark.parametrize(
    "settings", [{"others": {"X": "a\r\nb"}}, {"referrer_policy": "a\nb"}, {"others": {"a b": "c"}}]
)
def test_what_is_no_field(settings: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        security_headers(**settings)

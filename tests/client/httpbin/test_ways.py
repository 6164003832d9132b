"""httpbin, by redirects, through statuses and past its logins."""

from __future__ import annotations

import time

import pytest

from salver.client import (
    BasicAuth,
    BearerAuth,
    Client,
    DigestAuth,
    Retries,
    StatusError,
    TooManyRedirects,
)
from tests.client.httpbin.asking import told

# Redirects


@pytest.mark.parametrize("kind", ["redirect", "relative-redirect", "absolute-redirect"])
def test_redirects(client: Client, kind: str) -> None:
    response = client.get(f"/{kind}/3")
    assert response.status == 200
    assert [each.status for each in response.history] == [302, 302, 302]
    assert response.url.endswith("/get")
    stopped = client.get(f"/{kind}/3", follow_redirects=False)
    assert stopped.is_redirect
    assert not stopped.history


def test_too_many_redirects(base: str) -> None:
    with Client(trust_env=False, max_redirects=5) as client:
        assert client.get(f"{base}/redirect/5").status == 200
        with pytest.raises(TooManyRedirects) as caught:
            client.get(f"{base}/redirect/6")
        assert caught.value.url


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "PUT", "PUT"),
        (302, "GET", "GET"),
        (301, "PUT", "PUT"),
    ],
)
def test_what_a_redirect_repeats(client: Client, status: int, method: str, becomes: str) -> None:
    params = {"url": "/anything", "status_code": status}
    found = told(client, method, "/redirect-to", params=params, content=b"" if method == "GET" else b"body")
    assert found["method"] == becomes
    assert found["data"] == ("body" if becomes in ("POST", "PUT") else "")


def test_a_head_stays_one(client: Client) -> None:
    response = client.head("/redirect-to", params={"url": "/get", "status_code": 303})
    assert (response.status, response.content, response.request.method) == (200, b"", "HEAD")


def test_secrets_stay_with_their_origin(client: Client, base: str) -> None:
    """127.0.0.1 and localhost are two origins with one server."""
    elsewhere = base.replace("127.0.0.1", "localhost") + "/headers"
    response = client.get("/redirect-to", params={"url": elsewhere}, auth=("u", "s3cret"), cookies={"c": "s3cret"})
    assert response.url == elsewhere
    assert "s3cret" not in response.text
    assert "Authorization" not in response.json()["headers"]


# Statuses


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204, 205, 304, 400, 402, 404, 418, 429, 500, 503, 599])
def test_statuses(client: Client, status: int) -> None:
    response = client.get(f"/status/{status}")
    assert (response.status, response.status_code, response.ok) == (status, status, status < 400)
    if status < 400:
        response.raise_for_status()
    else:
        with pytest.raises(StatusError, match=str(status)) as caught:
            response.raise_for_status()
        assert caught.value.response is response


def test_statuses_that_are_asked_for_again(base: str) -> None:
    with Client(base_url=base, trust_env=False, retries=Retries(statuses=(503,), backoff=0.001)) as client:
        began = time.monotonic()
        assert client.get("/status/503").status == 503
        assert time.monotonic() - began < 10


# Authentication


def test_basic(client: Client, base: str) -> None:
    path = "/basic-auth/user/päss"
    assert client.get(path).status == 401
    assert told(client, "GET", path, auth=("user", "päss")) == {"authenticated": True, "user": "user"}
    assert client.get(path, auth=BasicAuth("user", "wrong")).status == 401
    assert client.get("/hidden-basic-auth/user/pw").status == 404
    assert client.get("/hidden-basic-auth/user/pw", auth=("user", "pw")).status == 200
    assert client.get(base.replace("//", "//user:p%C3%A4ss@") + path).status == 200


def test_bearer(client: Client) -> None:
    assert client.get("/bearer").status == 401
    assert told(client, "GET", "/bearer", auth=BearerAuth("t0ken"))["token"] == "t0ken"


@pytest.mark.parametrize("algorithm", ["", "/MD5", "/SHA-256", "/SHA-512"])
@pytest.mark.parametrize("qop", ["auth", "auth,auth-int", "none"])
def test_digest(client: Client, qop: str, algorithm: str) -> None:
    auth = DigestAuth("user", "password")
    response = client.get(f"/digest-auth/{qop}/user/password{algorithm}", auth=auth)
    known = algorithm != "/SHA-512"  # which is no algorithm of RFC 7616
    assert response.status == (200 if known else 401)
    if known:
        assert response.json()["authenticated"] is True


def test_digest_again_and_with_a_wrong_password(client: Client) -> None:
    auth = DigestAuth("user", "pw")
    for _ in range(3):
        assert client.get("/digest-auth/auth/user/pw/SHA-256", auth=auth).status == 200
    assert client.get("/digest-auth/auth/user/pw", auth=DigestAuth("user", "wrong")).status == 401
    assert client.get("/digest-auth/auth/user/pw").status == 401


def test_digest_with_a_nonce_that_grows_old(client: Client) -> None:
    auth = DigestAuth("user", "pw")
    statuses = [client.get("/digest-auth/auth/user/pw/MD5/2", auth=auth).status for _ in range(6)]
    assert statuses == [200] * 6

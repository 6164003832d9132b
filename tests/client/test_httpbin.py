"""httpbin, served by Salver through WSGI: its whole surface, asked by the client over a socket."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import time
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from salver import client as salver_client
from salver.client import (
    BasicAuth,
    BearerAuth,
    Client,
    DigestAuth,
    ReadTimedOut,
    Retries,
    StatusError,
    Timeout,
    TooManyRedirects,
    TotalTimedOut,
)
from salver.gateway.wsgi import WSGI
from salver.service.server import Server


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    logging.disable(logging.WARNING)  # it says what it is imported without
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import httpbin  # type: ignore[import-untyped]
    finally:
        logging.disable(logging.NOTSET)
    server = Server(WSGI(httpbin.app), "127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop(2)


@pytest.fixture
def client(base: str) -> Iterator[Client]:
    with Client(base_url=base, trust_env=False) as made:
        yield made


def told(client: Client, method: str, path: str, **options: Any) -> Any:
    response = client.request(method, path, **options)
    assert response.raise_for_status() is response
    return response.json()


# Methods, and what is sent


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_methods(client: Client, method: str) -> None:
    found = told(client, method, f"/{method.lower()}", params={"a": [1, 2], "b": "ü&=", "c": None})
    assert found["args"] == {"a": ["1", "2"], "b": "ü&="}
    assert told(client, method, "/anything/x y")["method"] == method
    assert getattr(client, method.lower())("/anything").json()["method"] == method


def test_head_and_options(client: Client) -> None:
    response = client.head("/get")
    assert (response.status, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0
    assert "GET" in client.options("/get").headers["allow"]


def test_a_method_that_is_not_allowed(client: Client) -> None:
    assert client.post("/get").status == 405
    assert client.delete("/anything").status == 200


def test_without_a_client(base: str) -> None:
    assert salver_client.get(f"{base}/get", params={"a": "1"}, trust_env=False).json()["args"] == {"a": "1"}
    assert salver_client.post(f"{base}/post", data={"a": "1"}, trust_env=False).json()["form"] == {"a": "1"}


def test_forms(client: Client) -> None:
    found = told(client, "POST", "/post", data={"a": "1", "b": ["2", "3"], "ü": "é & ="})
    assert found["form"] == {"a": "1", "b": ["2", "3"], "ü": "é & ="}
    assert found["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert told(client, "PUT", "/put", data=[("a", "1"), ("a", "2")])["form"] == {"a": ["1", "2"]}


def test_json(client: Client) -> None:
    value = {"a": [1, 2.5, None, True], "ü": "\U0001f37d"}
    found = told(client, "POST", "/post", json=value)
    assert found["json"] == value
    assert found["headers"]["Content-Type"] == "application/json"
    assert told(client, "POST", "/post", json=None)["data"] == "null"


def test_raw_content(client: Client) -> None:
    assert told(client, "POST", "/post", content="täxt")["data"] == "täxt"
    found = told(client, "POST", "/post", content=bytes(range(256)))
    assert found["data"] == "data:application/octet-stream;base64," + base64.b64encode(bytes(range(256))).decode()
    assert told(client, "PUT", "/put", content=io.BytesIO(b"from a file"))["data"] == "from a file"


def test_files(client: Client) -> None:
    name = 'a "quoted"\r\n name.txt'
    files = {"file": (name, b"bytes", "text/plain"), "other": io.BytesIO(b"\xff\x00")}
    found = told(client, "POST", "/post", data={"field": "välue"}, files=files)
    assert found["form"] == {"field": "välue"}
    assert found["files"]["file"] == "bytes"
    assert found["files"]["other"].startswith("data:")


def test_large_uploads(client: Client) -> None:
    data = b"x" * 3_000_000
    assert len(told(client, "POST", "/post", content=data)["data"]) == len(data)
    assert len(told(client, "POST", "/post", files={"f": io.BytesIO(data)})["files"]["f"]) == len(data)


def test_content_without_a_length(client: Client) -> None:
    """It goes in chunks, which Salver collects: httpbin would refuse them."""
    assert told(client, "POST", "/post", content=iter([b"a", b"b"]))["data"] == "ab"


# What is asked with


def test_headers(client: Client) -> None:
    found = told(client, "GET", "/headers", headers={"X-Own": "välue".encode().decode("latin-1"), "Accept": None})
    assert found["headers"]["X-Own"].encode("latin-1").decode() == "välue"
    assert "Accept" not in found["headers"]
    assert found["headers"]["Host"] == client.get("/get").url.split("/")[2]
    assert told(client, "GET", "/user-agent")["user-agent"].startswith("salver/")
    assert told(client, "GET", "/user-agent", headers={"user-agent": "me"}) == {"user-agent": "me"}
    assert told(client, "GET", "/ip")["origin"].startswith("127.0.0.1")


def test_cookies(client: Client) -> None:
    assert told(client, "GET", "/cookies", cookies={"a": "1"}) == {"cookies": {"a": "1"}}
    assert told(client, "GET", "/cookies/set", params={"k": "v", "l": "w"}) == {"cookies": {"k": "v", "l": "w"}}
    assert told(client, "GET", "/cookies/set/m/x")["cookies"] == {"k": "v", "l": "w", "m": "x"}
    assert client.cookies["m"] == "x"
    assert told(client, "GET", "/cookies/delete", params={"k": ""})["cookies"] == {"l": "w", "m": "x"}
    assert told(client, "GET", "/cookies", cookies={"l": "mine"})["cookies"] == {"l": "mine", "m": "x"}


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


# Formats and codings


@pytest.mark.parametrize(("path", "key"), [("gzip", "gzipped"), ("deflate", "deflated"), ("brotli", "brotli")])
def test_codings(client: Client, path: str, key: str) -> None:
    response = client.get(f"/{path}")
    assert response.headers["content-encoding"] in ("gzip", "deflate", "br")
    assert response.json()[key] is True
    with client.stream("GET", f"/{path}") as streamed:
        raw = b"".join(streamed.iter_raw())
    assert raw != response.content
    assert len(raw) == int(response.headers["content-length"])


def test_formats(client: Client) -> None:
    assert client.get("/encoding/utf8").text.count("∮ E⋅da = Q") == 1
    assert client.get("/html").text.startswith("<!DOCTYPE html>")
    assert client.get("/html").charset == "utf-8"
    assert client.get("/xml").headers["content-type"] == "application/xml"
    assert client.get("/json").json()["slideshow"]["title"] == "Sample Slide Show"
    assert client.get("/robots.txt").text == "User-agent: *\nDisallow: /deny\n"
    assert "YOU SHOULDN'T BE HERE" in client.get("/deny").text
    assert "<form" in client.get("/forms/post").text
    assert client.get("/").status == 200
    assert client.get("/static/favicon.ico").status == 200
    assert client.get("/nothing/here").status == 404


@pytest.mark.parametrize(
    ("path", "accept", "start"),
    [
        ("/image/png", "*/*", b"\x89PNG"),
        ("/image/jpeg", "*/*", b"\xff\xd8\xff"),
        ("/image/webp", "*/*", b"RIFF"),
        ("/image/svg", "*/*", b"<svg"),
        ("/image", "image/webp", b"RIFF"),
        ("/image", "image/jpeg", b"\xff\xd8\xff"),
        ("/image", "image/svg+xml", b"<svg"),
    ],
)
def test_images(client: Client, path: str, accept: str, start: bytes) -> None:
    response = client.get(path, headers={"Accept": accept})
    assert start in response.content[:200]
    assert client.get("/image", headers={"Accept": "text/plain"}).status == 406


# What is dynamic


def test_bytes(client: Client) -> None:
    assert len(client.get("/bytes/100000").content) == 100_000
    one, other = (client.get("/bytes/50", params={"seed": 7}).content for _ in range(2))
    assert one == other
    assert client.get("/bytes/0").content == b""


@pytest.mark.parametrize("chunk_size", [None, 1, 7, 1_000])
def test_streams(client: Client, chunk_size: int | None) -> None:
    with client.stream("GET", "/stream-bytes/5000", params={"seed": 3, "chunk_size": 300}) as response:
        assert response.headers.get("content-length") is None
        parts = list(response.iter_bytes(chunk_size))
    assert sum(map(len, parts)) == 5_000
    if chunk_size is not None:
        assert {len(part) for part in parts[:-1]} <= {chunk_size}


def test_lines(client: Client) -> None:
    with client.stream("GET", "/stream/20") as response:
        lines = [json.loads(line) for line in response.iter_lines()]
    assert [line["id"] for line in lines] == list(range(20))
    assert len(client.get("/stream/5").text.splitlines()) == 5


def test_time_outs(client: Client) -> None:
    assert told(client, "GET", "/delay/0")["url"].endswith("/delay/0")
    with pytest.raises(ReadTimedOut):
        client.get("/delay/2", timeout=0.2)
    with pytest.raises(TotalTimedOut):
        client.get("/drip", params={"duration": 5, "numbytes": 50}, timeout=Timeout(total=0.5))
    assert client.get("/get").status == 200


def test_drip(client: Client) -> None:
    began = time.monotonic()
    with client.stream("GET", "/drip", params={"duration": 0.4, "numbytes": 4, "code": 202}) as response:
        assert response.status == 202
        arrived = [(part, time.monotonic() - began) for part in response.iter_bytes()]
    assert b"".join(part for part, _ in arrived) == b"****"
    assert len(arrived) > 1  # each as it came, and not all together at the end


def test_ranges(client: Client) -> None:
    whole = client.get("/range/1000")
    assert (whole.status, len(whole.content), whole.headers["etag"]) == (200, 1_000, "range1000")
    part = client.get("/range/1000", headers={"Range": "bytes=10-29"})
    assert (part.status, part.content) == (206, whole.content[10:30])
    assert part.headers["content-range"] == "bytes 10-29/1000"
    assert client.get("/range/1000", headers={"Range": "bytes=2000-"}).status == 416


def test_a_download(client: Client, tmp_path: Any) -> None:
    done = client.download("/range/5000?chunk_size=500", tmp_path / "alphabet")
    assert done.path.read_bytes() == client.get("/range/5000").content
    assert client.download("/image/png", tmp_path).path == tmp_path / "png"


def test_conditions(client: Client) -> None:
    assert client.get("/etag/v1").headers["etag"] == "v1"
    assert client.get("/etag/v1", headers={"If-None-Match": '"v1"'}).status == 304
    assert client.get("/etag/v1", headers={"If-Match": '"v2"'}).status == 412
    assert client.get("/cache").status == 200
    cached = client.get("/cache", headers={"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"})
    assert (cached.status, cached.content) == (304, b"")
    assert client.get("/cache/60").headers["cache-control"] == "public, max-age=60"


def test_links(client: Client) -> None:
    text = client.get("/links/5/2").text
    assert len(re.findall(r"href=", text)) == 4
    assert client.get("/links/3").history[0].status == 302


def test_values(client: Client) -> None:
    assert uuid.UUID(client.get("/uuid").json()["uuid"]).version == 4
    assert client.get("/base64/" + base64.urlsafe_b64encode("Hällo".encode()).decode()).text == "Hällo"
    response = client.get("/response-headers", params={"X-A": ["1", "2"], "freeform": "ü"})
    assert response.headers.get_all("x-a") == ["1", "2"]
    assert client.post("/response-headers", params={"X-B": "3"}).headers["X-B"] == "3"


def test_one_connection_carries_it_all(client: Client) -> None:
    for _ in range(50):
        assert client.get("/get").status == 200
    assert client.get("/get").http_version == "HTTP/1.1"

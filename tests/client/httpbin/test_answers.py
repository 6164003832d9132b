"""What httpbin sends: formats, codings, streams, parts, and what never comes."""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from typing import Any

import pytest

from salver.client import (
    Client,
    ReadTimedOut,
    Timeout,
    TotalTimedOut,
)
from tests.client.httpbin.asking import told

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

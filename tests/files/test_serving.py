"""Methods, fields, conditions and ranges of files that are there."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from salver import lookup
from salver.files import Folder
from salver.files.file_cache import CacheSizes
from salver.protocol.writer import encode_fields
from salver.response import FileSegment, FixedResponse
from salver.semantics.dates import format_date
from tests.files.served import DATA, SIZE, TEXT
from tests.files.support import LONG_AGO, LONG_AGO_DATE, FakeClock, content, open_descriptors, request


def test_the_fields_of_a_file(root: Path) -> None:
    response = Folder(root, compress=False)(request("/page.html"))
    status = os.stat(root / "page.html")
    assert dict(response.headers.fields) == {
        "Content-Type": "text/html; charset=utf-8",
        "ETag": f'"{status.st_mtime_ns:x}-{len(TEXT):x}-{status.st_ino:x}"',
        "Accept-Ranges": "bytes",
        "Last-Modified": LONG_AGO_DATE,
        "X-Content-Type-Options": "nosniff",
    }
    assert response.body_length == len(TEXT)


def test_settings_that_are_fields(root: Path) -> None:
    own = [("Cache-Control", "no-store"), ("X-Own", "1"), ("X-Own", "2")]
    folder = Folder(root, cache_seconds=60, cors="*", media_types={".html": "text/x-own"})
    response = folder(request("/page.html"))
    assert response.headers["cache-control"] == "max-age=60"
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["content-type"] == "text/x-own"
    assert folder(request("/nothing")).headers["access-control-allow-origin"] == "*"
    assert "cache-control" not in folder(request("/nothing")).headers
    for target in ("/page.html", "/nothing"):
        response = Folder(root, cache_seconds=60, extra_headers=own)(request(target))
        assert response.headers["cache-control"] == "no-store"
        assert response.headers.get_all("x-own") == ["1", "2"]


def test_the_lines_say_what_the_fields_say(root: Path) -> None:
    folder = Folder(root)
    response = folder(request("/data.bin"))
    assert isinstance(response, FixedResponse)
    assert response.lines is not None
    assert response.lines == encode_fields(folder(request("/data.bin")).headers.fields)


def test_a_response_may_be_changed_without_changing_the_next(root: Path) -> None:
    folder = Folder(root)
    first = folder(request("/data.bin"))
    first.headers["X-Wrapped"] = "1"
    first.status = 299
    assert isinstance(first, FixedResponse)
    assert first.lines is None
    second = folder(request("/data.bin"))
    assert "x-wrapped" not in second.headers
    assert second.status == 200
    third = folder(request("/data.bin"))
    third.headers = first.headers
    assert isinstance(third, FixedResponse)
    assert third.lines is None


# Methods


def test_head_is_get(root: Path) -> None:
    folder = Folder(root)
    for _ in range(2):
        got, head = folder(request("/data.bin")), folder(request("/data.bin", "HEAD"))
        assert (head.status, head.body_length, head.headers.fields) == (200, SIZE, got.headers.fields)
    assert folder(request("/nothing", "HEAD")).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"])
@pytest.mark.parametrize("target", ["/data.bin", "/nothing"])
def test_other_methods(root: Path, method: str, target: str) -> None:
    folder = Folder(root)
    folder(request("/data.bin"))
    response = folder(request(target, method, range="bytes=0-1"))
    assert response.status == 405
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert response.headers["x-content-type-options"] == "nosniff"


def test_options(root: Path) -> None:
    response = Folder(root)(request("/data.bin", "OPTIONS"))
    assert (response.status, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert "access-control-allow-methods" not in response.headers
    preflight = Folder(root, cors="https://a.example")(request("/data.bin", "OPTIONS"))
    assert preflight.headers["access-control-allow-origin"] == "https://a.example"
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert preflight.headers["access-control-allow-headers"] == "*"


# Conditions; their table is in tests/semantics


@pytest.mark.parametrize("name", ["page.html", "big.bin"])
def test_conditions(root: Path, name: str) -> None:
    folder = Folder(root, cache_seconds=9, extra_headers=[("X-Own", "1")])
    etag = folder(request("/" + name)).headers["etag"]
    for made in (
        request("/" + name, if_none_match=etag),
        request("/" + name, if_none_match="W/" + etag),
        request("/" + name, if_modified_since=LONG_AGO_DATE),
    ):
        response = folder(made)
        assert response.status == 304
        assert response.body == b""
        assert response.headers["etag"] == etag
        assert response.headers["cache-control"] == "max-age=9"
        assert response.headers.get_all("x-own") == ["1"]
        assert "content-type" not in response.headers
    assert folder(request("/" + name, if_none_match='"x"', if_modified_since=LONG_AGO_DATE)).status == 200
    failed = folder(request("/" + name, if_match="W/" + etag))
    assert failed.status == 412
    assert failed.headers.get_all("x-own") == ["1"]
    assert folder(request("/" + name, if_match=etag)).status == 200
    assert folder(request("/" + name, if_unmodified_since=format_date(LONG_AGO - 1))).status == 412
    assert folder(request("/nothing", if_match="*")).status == 404


# Ranges


@pytest.mark.parametrize("size", [0, 1_000_000])
@pytest.mark.parametrize(
    ("value", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=100-199", 100, 200), ("bytes=-5", 19_995, SIZE), ("bytes=0-,0-,0-,0-,0-", 0, SIZE)],
)
def test_one_range(root: Path, size: int, value: str, start: int, end: int) -> None:
    folder = Folder(root, cache=CacheSizes(small=size))
    response = folder(request("/data.bin", range=value))
    assert response.status == 206
    assert response.headers["content-range"] == f"bytes {start}-{end - 1}/20000"
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.body_length == end - start
    assert isinstance(response.body, bytes if size else FileSegment)
    assert content(response) == DATA[start:end]


@pytest.mark.parametrize("size", [0, 1_000_000])
def test_many_ranges(root: Path, size: int) -> None:
    folder = Folder(root, cache=CacheSizes(small=size))
    response = folder(request("/data.bin", range="bytes=0-9,100-109,-10"))
    assert response.status == 206
    assert "content-range" not in response.headers
    kind, _, boundary = response.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    length, body = response.body_length, content(response)
    assert length == len(body)
    parts = body.split(b"--" + boundary.encode())
    assert parts[0] == b""
    assert parts[-1] == b"--\r\n"
    for part, (start, end) in zip(parts[1:-1], [(0, 10), (100, 110), (SIZE - 10, SIZE)], strict=True):
        head, _, data = part.partition(b"\r\n\r\n")
        assert f"Content-Range: bytes {start}-{end - 1}/20000".encode() in head
        assert b"Content-Type: application/octet-stream" in head
        assert data == DATA[start:end] + b"\r\n"


@pytest.mark.parametrize(
    "value", ["bytes=abc", "bytes=5-2", "lines=0-1", "bytes=+0-1", "bytes=0-1_0", "bytes=0-\xb2", ""]
)
def test_ranges_that_are_ignored(root: Path, value: str) -> None:
    response = Folder(root)(request("/data.bin", range=value))
    assert (response.status, response.body_length) == (200, SIZE)


@pytest.mark.parametrize("value", ["bytes=-0", "bytes=99999-"])
def test_ranges_that_cannot_be_satisfied(root: Path, value: str) -> None:
    response = Folder(root)(request("/data.bin", range=value))
    assert response.status == 416
    assert response.headers["content-range"] == "bytes */20000"
    assert "etag" not in response.headers


def test_five_times_everything_is_sent_once(root: Path) -> None:
    response = Folder(root)(request("/data.bin", range="bytes=0-,0-,0-,0-,0-"))
    assert response.body_length == SIZE


def test_very_many_ranges(root: Path) -> None:
    folder = Folder(root)
    value = "bytes=" + ",".join(f"{number * 20}-{number * 20 + 1}" for number in range(750))
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        response = folder(request("/data.bin", range=value))
        best = min(best, time.perf_counter() - started)
        assert (response.body_length or 0) <= SIZE
    assert best < 0.005


def test_if_range(root: Path) -> None:
    folder = Folder(root)
    etag = folder(request("/data.bin")).headers["etag"]
    assert folder(request("/data.bin", range="bytes=0-1", if_range=etag)).status == 206
    assert folder(request("/data.bin", range="bytes=0-1", if_range=LONG_AGO_DATE)).status == 206
    for other in ('"x"', "W/" + etag, format_date(LONG_AGO + 1), "x"):
        assert folder(request("/data.bin", range="bytes=0-1", if_range=other)).status == 200
    assert folder(request("/data.bin", range="bytes=0-1", if_none_match=etag)).status == 304
    assert folder(request("/data.bin", "HEAD", range="bytes=0-1")).status == 200


def test_an_empty_file(root: Path) -> None:
    folder = Folder(root)
    assert content(folder(request("/empty.bin"))) == b""
    assert folder(request("/empty.bin", range="bytes=0-")).status == 416
    assert folder(request("/empty.bin", range="bytes=-5")).status == 200


# Disks and limits


@pytest.mark.parametrize(("number", "status"), [(errno.EIO, 503), (errno.EACCES, 403)])
def test_a_file_that_opens_and_cannot_be_read(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(number, "broken")

    monkeypatch.setattr(os, "pread", broken)
    assert Folder(root)(request("/data.bin")).status == status


def test_a_small_file_that_will_not_hold_still_is_sent_from_its_descriptor(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup.OpenFile, "read", lambda _: None)
    response = Folder(root)(request("/data.bin"))
    assert isinstance(response.body, FileSegment)
    assert response.body_length == SIZE


def test_out_of_descriptors_the_cache_gives_up_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(root)
    folder(request("/big.bin")).close()
    before = open_descriptors()
    really, failures = os.open, [OSError(errno.EMFILE, "too many")]

    def scarce(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if failures:
            raise failures.pop()
        return really(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", scarce)
    assert folder(request("/data.bin")).status == 200
    assert open_descriptors() == before - 1
    failures += [OSError(errno.EMFILE, "too many")] * 5
    response = folder(request("/page.html"))
    assert response.status == 503
    assert response.headers["retry-after"] == "1"


def test_very_long_targets_are_served_and_not_remembered(root: Path) -> None:
    clock = FakeClock()
    folder = Folder(root, clock=clock)
    target = "/data.bin?" + "q" * 7_000
    assert folder(request(target)).status == 200
    assert folder(request(target)).status == 200
    assert target not in folder._known


def test_a_hit_is_cheap(root: Path) -> None:
    """The figure is about 0.3 µs; the bound only catches a hit that is none."""
    folder, made = Folder(root), request("/data.bin", accept_encoding="gzip, br")
    folder(made)
    best = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(1_000):
            folder(made)
        best = min(best, (time.perf_counter() - started) / 1_000)
    assert best < 3e-6

"""Methods, fields, conditions, ranges and codings of files that are there."""

from __future__ import annotations

import errno
import gzip
import os
import threading
import time
from pathlib import Path

import pytest

from salver import lookup
from salver.files import Folder, packing
from salver.files.file_cache import CacheSizes
from salver.protocol.writer import encode_fields
from salver.response import FileSegment, FixedResponse, Response
from salver.semantics.dates import format_date
from tests.files.support import (
    LONG_AGO,
    LONG_AGO_DATE,
    FakeClock,
    FakeExchange,
    content,
    open_descriptors,
    request,
    write,
)

SIZE = 20_000
DATA = bytes(range(250)) * 80
TEXT = b"<p>the same again and again</p>\n" * 200
BIG_TEXT = TEXT * 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "data.bin", DATA)
    write(tmp_path / "big.bin", DATA * 10)
    write(tmp_path / "empty.bin", b"")
    write(tmp_path / "page.html", TEXT)
    write(tmp_path / "long.html", BIG_TEXT)
    write(tmp_path / "short.html", b"<p>")
    return tmp_path


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


# Content codings


def coded(response: Response) -> str | None:
    return response.headers.get("content-encoding")


def test_compressing_on_the_way(root: Path) -> None:
    folder = Folder(root)
    plain = folder(request("/page.html"))
    assert coded(plain) is None
    assert plain.headers["vary"] == "Accept-Encoding"
    for _ in range(2):
        packed = folder(request("/page.html", accept_encoding="gzip"))
        assert coded(packed) == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert packed.headers["content-type"] == plain.headers["content-type"]
        assert packed.headers["last-modified"] == plain.headers["last-modified"]
        assert packed.headers["etag"] == plain.headers["etag"][:-1] + '-gzip"'
        assert gzip.decompress(content(packed)) == TEXT
    etag = packed.headers["etag"]
    assert folder(request("/page.html", accept_encoding="gzip", if_none_match=etag)).status == 304
    assert folder(request("/page.html", if_none_match=etag)).status == 200
    part = folder(request("/page.html", accept_encoding="gzip", range="bytes=0-9", if_range=etag))
    assert (part.status, coded(part), content(part)) == (206, "gzip", content(packed)[:10])


@pytest.mark.parametrize("name", ["data.bin", "short.html", "empty.bin"])
def test_what_is_not_compressed(root: Path, name: str) -> None:
    response = Folder(root)(request("/" + name, accept_encoding="gzip, br"))
    assert coded(response) is None
    assert "vary" not in response.headers


def test_not_when_told_so(root: Path) -> None:
    write(root / "page.html.gz", b"neighbour")
    response = Folder(root, compress=False)(request("/page.html", accept_encoding="gzip"))
    assert coded(response) is None
    assert "vary" not in response.headers


def test_what_does_not_become_smaller_is_sent_plain(root: Path) -> None:
    noise = write(root / "noise.txt", os.urandom(2_000)).read_bytes()
    folder = Folder(root)
    for _ in range(2):
        response = folder(request("/noise.txt", accept_encoding="gzip"))
        assert coded(response) is None
        assert content(response) == noise


@pytest.mark.parametrize(("coding", "home"), [("br", "brotli"), ("zstd", "backports.zstd")])
def test_codings_of_libraries(root: Path, coding: str, home: str) -> None:
    library = pytest.importorskip(home)
    response = Folder(root)(request("/page.html", accept_encoding=f"gzip;q=0.5, {coding}"))
    assert coded(response) == coding
    assert library.decompress(content(response)) == TEXT


def test_where_no_library_is_there_the_next_coding_is_taken(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "maybe_compressor", lambda coding: gzip.compress if coding == "gzip" else None)
    folder = Folder(root)
    assert coded(folder(request("/page.html", accept_encoding="br, zstd, gzip"))) == "gzip"
    for _ in range(2):
        assert coded(folder(request("/page.html", accept_encoding="br, zstd"))) is None


def test_neighbours(root: Path) -> None:
    for suffix, data in ((".gz", b"by gzip"), (".br", b"by br"), (".zst", b"by zstd")):
        write(root / ("page.html" + suffix), data, LONG_AGO + 1)
    folder = Folder(root)
    for accepted, coding, body in (
        ("gzip", "gzip", b"by gzip"),
        ("gzip, br, zstd", "br", b"by br"),
        ("gzip;q=0.5, zstd", "zstd", b"by zstd"),
        ("deflate", None, TEXT),
    ):
        response = folder(request("/page.html", accept_encoding=accepted))
        assert (coded(response), content(response)) == (coding, body)
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.headers["vary"] == "Accept-Encoding"
    etags = {
        folder(request("/page.html", accept_encoding=each)).headers["etag"] for each in ("gzip", "br", "zstd", "x")
    }
    assert len(etags) == 4


def test_a_neighbour_is_taken_rather_than_another_made(root: Path) -> None:
    write(root / "page.html.gz", b"by gzip")
    assert coded(Folder(root)(request("/page.html", accept_encoding="br, gzip"))) == "gzip"


def test_an_old_neighbour_and_a_folder_are_not_neighbours(root: Path) -> None:
    write(root / "page.html.gz", b"old", LONG_AGO - 1)
    (root / "page.html.zst").mkdir()
    assert gzip.decompress(content(Folder(root)(request("/page.html", accept_encoding="gzip")))) == TEXT
    (root / "page.html.zst").rmdir()


def test_a_packed_file_is_no_neighbour_of_a_binary(root: Path) -> None:
    write(root / "data.bin.gz", b"packed")
    assert coded(Folder(root)(request("/data.bin", accept_encoding="gzip"))) is None


def test_a_neighbour_that_leads_out_is_not_there(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = write(tmp_path_factory.mktemp("outside") / "secret", b"secret", time.time() - 10)
    (root / "page.html.gz").symlink_to(secret)
    assert content(Folder(root)(request("/page.html", accept_encoding="gzip"))) != b"secret"


# Blocking


def test_a_large_file_is_packed_after_handing_over(root: Path) -> None:
    exchange = FakeExchange()
    folder = Folder(root)
    assert coded(folder(request("/page.html", accept_encoding="gzip", exchange=exchange))) == "gzip"
    assert exchange.handed_over == 0
    assert coded(folder(request("/long.html", accept_encoding="gzip", exchange=exchange))) == "gzip"
    assert exchange.handed_over == 1
    assert coded(folder(request("/long.html", accept_encoding="gzip", exchange=exchange))) == "gzip"
    assert exchange.handed_over == 1


def test_where_every_thread_is_taken_it_goes_plain(root: Path) -> None:
    folder = Folder(root)
    busy = FakeExchange(has_threads=False)
    assert coded(folder(request("/long.html", accept_encoding="gzip", exchange=busy))) is None
    assert coded(folder(request("/long.html", accept_encoding="gzip"))) == "gzip"


def test_while_one_packs_the_others_are_sent_plain(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on = threading.Event(), threading.Event()

    def slowly(data: bytes) -> bytes:
        started.set()
        assert go_on.wait(10)
        return gzip.compress(data)

    monkeypatch.setattr(packing, "maybe_compressor", lambda coding: slowly)
    folder, answers = Folder(root), list[Response]()
    packer = threading.Thread(target=lambda: answers.append(folder(request("/page.html", accept_encoding="gzip"))))
    packer.start()
    try:
        assert started.wait(10)
        assert coded(folder(request("/page.html", accept_encoding="gzip"))) is None
    finally:
        go_on.set()
        packer.join()
    assert coded(answers[0]) == "gzip"
    assert coded(folder(request("/page.html", accept_encoding="gzip"))) == "gzip"


def test_a_file_that_cannot_be_read_for_packing_goes_plain(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(root, cache=CacheSizes(small=0))
    assert folder(request("/page.html")).status == 200

    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pread", broken)
        assert coded(folder(request("/page.html", accept_encoding="gzip"))) is None
    assert coded(folder(request("/page.html", accept_encoding="gzip"))) == "gzip"


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

"""Content codings of files that are there: made on the way, or beforehand."""

from __future__ import annotations

import errno
import gzip
import os
import threading
import time
from pathlib import Path

import pytest

from salver.files import Folder, packing
from salver.files.file_cache import CacheSizes
from salver.response import Response
from tests.files.served import TEXT
from tests.files.support import LONG_AGO, FakeExchange, content, request, write


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

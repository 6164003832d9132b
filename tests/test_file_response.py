"""`Response.file`: where the file comes from, what is said of it, and what conditions and ranges make of it."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salver.handler import as_response
from salver.problem import HTTPError
from salver.request import Request
from salver.response import Response
from tests.files.support import content, open_descriptors
from tests.service.harness import Conversation
from tests.test_request import NoExchange, head

DATA = bytes(range(256)) * 8


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.bin").write_bytes(DATA)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.html").write_bytes(b"<p>")
    (tmp_path / ".hidden").write_bytes(b"x")
    (tmp_path / "link").symlink_to("/etc/hostname")
    os.utime(tmp_path / "a.bin", (1_700_000_000, 1_700_000_000))
    return tmp_path


def get(method: str = "GET", **fields: str) -> Request:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in {"Host": "a", **fields}.items())
    return Request(head("/", lines, method), NoExchange())


def answer(folder: Path, method: str = "GET", **fields: str) -> Response:
    return as_response(Response.file(folder / "a.bin"), get(method, **fields))


def test_a_path(folder: Path) -> None:
    before = open_descriptors()
    response = Response.file(str(folder / "a.bin"))
    assert response.status == 200 and response.body_length == len(DATA)
    assert dict(response.headers)["Content-Type".lower()] == "application/octet-stream"
    assert response.headers["Last-Modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert response.headers["Accept-Ranges"] == "bytes" and response.headers["ETag"].startswith('"')
    assert response.headers["X-Content-Type-Options"] == "nosniff" and "Cache-Control" not in response.headers
    assert content(response) == DATA
    del response
    assert open_descriptors() == before


def test_what_may_be_said(folder: Path) -> None:
    response = Response.file(
        folder / "sub" / "b.html",
        download_name="Köln.html",
        cache_seconds=60,
        headers={"X-Content-Type-Options": "mine", "ETag": '"own"'},
    )
    assert response.headers["Content-Disposition"] == "attachment; filename=Koln.html; filename*=UTF-8''K%C3%B6ln.html"
    assert response.headers["Cache-Control"] == "max-age=60" and response.headers["ETag"] == '"own"'
    assert response.headers.get_all("X-Content-Type-Options") == ["mine"]
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    shown = Response.file(folder / "a.bin", disposition="inline", content_type="image/png")
    assert (
        shown.headers["Content-Disposition"] == "inline; filename=a.bin"
        and shown.headers["Content-Type"] == "image/png"
    )
    assert Response.file(folder / "a.bin", download_name="x.pdf").headers["Content-Type"] == "application/pdf"


def test_a_path_that_is_no_file(folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    before = open_descriptors()
    with pytest.raises(FileNotFoundError):
        Response.file(folder / "none")
    with pytest.raises(IsADirectoryError):
        Response.file(folder / "sub")
    with pytest.raises(OSError, match="neither a file nor a folder"):
        Response.file(folder / "fifo")
    with pytest.raises(ValueError, match="null"):
        Response.file("a\0b")
    assert open_descriptors() == before


@pytest.mark.parametrize("name", ["a.bin", "sub/b.html"])
def test_a_name_from_a_client(folder: Path, name: str) -> None:
    assert content(Response.file(name, under=folder)) == (folder / name).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "none",
        "",
        "sub",
        "sub/",
        "../a.bin",
        "sub/../a.bin",
        "/etc/hostname",
        "link",
        ".hidden",
        "..\\a.bin",
        "a.bin\0",
        "CON",
        "x" * 300,
        "a.bin/x",
        "\udcff\ud800",
        "a.bin::$DATA",
    ],
)
def test_a_name_that_leads_to_nothing(folder: Path, name: str) -> None:
    with pytest.raises(HTTPError) as caught:
        Response.file(name, under=folder)
    assert caught.value.status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_conditions(folder: Path, method: str) -> None:
    whole = answer(folder, method)
    etag, modified = whole.headers["ETag"], whole.headers["Last-Modified"]
    assert whole.status == 200 and content(whole) == DATA
    assert answer(folder, method, If_None_Match=etag).status == 304
    unchanged = answer(folder, method, If_Modified_Since=modified)
    assert unchanged.status == 304 and unchanged.body == b"" and unchanged.headers["ETag"] == etag
    assert "Content-Type" not in unchanged.headers
    assert answer(folder, method, If_None_Match='"x"', If_Modified_Since=modified).status == 200
    assert answer(folder, method, If_Match='"x"').status == 412
    assert answer(folder, method, If_Unmodified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 412


def test_ranges(folder: Path) -> None:
    etag = answer(folder).headers["ETag"]
    part = answer(folder, Range="bytes=2-4")
    assert part.status == 206 and content(part) == DATA[2:5] and part.headers["Content-Range"] == "bytes 2-4/2048"
    several = answer(folder, Range="bytes=0-1,2046-")
    assert several.status == 206 and content(several).count(b"Content-Range: bytes ") == 2
    assert several.headers["Content-Type"].startswith("multipart/byteranges; boundary=")
    past = answer(folder, Range="bytes=9999-")
    assert past.status == 416 and past.headers["Content-Range"] == "bytes */2048"
    assert answer(folder, Range="bytes=0-1", If_Range='"x"').status == 200
    assert answer(folder, Range="bytes=0-1", If_Range=etag).status == 206
    assert answer(folder, "HEAD", Range="bytes=0-1").status == 200
    assert answer(folder, "POST", Range="bytes=0-1", If_None_Match=etag).status == 200


def test_it_may_be_asked_for_at_once(folder: Path) -> None:
    part = Response.file(folder / "a.bin").conditional(get(Range="bytes=2-4"))
    assert part.status == 206 and as_response(part, get(Range="bytes=0-0")) is part and content(part) == DATA[2:5]


def test_what_was_added_stays(folder: Path) -> None:
    for fields, status in (
        ({"Range": "bytes=0-0"}, 206),
        ({"If_Modified_Since": "Tue, 14 Nov 2023 22:13:20 GMT"}, 304),
    ):
        response = Response.file(folder / "a.bin")
        response.set_cookie("seen", "1")
        response.headers["Cache-Control"] = "no-cache"
        answered = as_response(response, get(**fields))
        assert answered.status == status
        assert answered.headers["Set-Cookie"].startswith("seen=1") and answered.headers["Cache-Control"] == "no-cache"


def test_another_status_has_no_conditions(folder: Path) -> None:
    response = as_response((Response.file(folder / "a.bin"), 404), get(Range="bytes=0-0"))
    assert response.status == 404 and content(response) == DATA


def test_an_open_file(folder: Path) -> None:
    before = open_descriptors()
    with open(folder / "a.bin", "rb") as file:
        response = as_response(file, get(Range="bytes=1-1"))
    assert response.status == 206 and content(response) == DATA[1:2]
    assert response.headers["Content-Type"] == "application/octet-stream"
    del response
    assert open_descriptors() == before


def pipe(data: bytes) -> Any:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as writer:
        writer.write(data)
    return os.fdopen(reading, "rb")


def behind_its_beginning(folder: Path) -> Any:
    file = open(folder / "a.bin", "rb")  # noqa: SIM115 - its response closes it
    file.seek(2_000)
    return file


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (lambda folder: io.BytesIO(DATA), DATA),
        (lambda folder: pipe(DATA), DATA),
        (lambda folder: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(DATA * 100))), DATA * 100),
        (behind_its_beginning, DATA[2_000:]),
    ],
)
def test_other_open_files(folder: Path, make: Callable[[Path], Any], data: bytes) -> None:
    file = make(folder)
    response = as_response(file, get(Range="bytes=0-0"))
    assert response.status == 200 and content(response) == data
    assert file.closed or isinstance(file, io.BytesIO)


def test_text_files_are_not_sent() -> None:
    with pytest.raises(TypeError):
        b"".join(as_response(io.StringIO("x")).body)  # type: ignore[arg-type]


def test_computed_bodies() -> None:
    def respond(**fields: str) -> Response:
        return Response.json({"a": 1}).conditional(get(**fields))

    etag = respond().headers["ETag"]
    assert respond().status == 200 and respond(If_None_Match=etag).status == 304
    part = respond(Range="bytes=0-1")
    assert part.status == 206 and part.body == b'{"'
    assert respond(If_None_Match='"x"').body == b'{"a":1}' and respond(If_Match='"x"').status == 412
    assert Response(b"x", 404).conditional(get(If_Match='"x"')).status == 404


def test_streamed_bodies_have_conditions_alone() -> None:
    closed = []

    def body() -> Any:
        try:
            yield b"x"
        finally:
            closed.append(1)

    def respond(**fields: str) -> Response:
        pieces = body()
        response = Response.stream(pieces)
        response.set_etag("v1", weak=True)
        return response.conditional(get(**fields))

    assert respond(If_None_Match='W/"v1"').status == 304 and respond(If_Match='"v1"').status == 412
    assert respond(Range="bytes=0-0").status == 200
    assert Response.stream(body()).conditional(get(If_None_Match="*")).status == 304


@pytest.mark.parametrize("tag", ['a"b', "a b", "é", "a\r\n", "\x7f"])
def test_tags_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="no entity tag"):
        Response(b"").set_etag(tag)
    with pytest.raises(ValueError, match="give the tag"):
        Response([b""]).set_etag()


def test_it_is_served_by_the_service(folder: Path) -> None:
    talk = Conversation(lambda request: Response.file(folder / "a.bin"))
    talk.say(b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n", b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
    talk.say(b"GET / HTTP/1.1\r\nHost: a\r\nIf-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\n")
    assert talk.statuses == [206, 200, 304] and not talk.closed
    assert b"Content-Range: bytes 0-0/2048" in talk.reply and talk.reply.count(DATA[:10]) == 0
    talk.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert talk.reply.endswith(DATA)


def test_its_bad_field_is_a_500_without_a_byte_of_it(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    talk = Conversation(lambda request: Response.file(folder / "a.bin", headers={"X": "a\r\nEvil: 1"}))
    talk.say(b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert talk.statuses == [500, 500] and b"Evil" not in talk.reply and "control character" in caplog.text

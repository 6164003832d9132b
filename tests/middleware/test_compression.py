"""Answers compressed on their way: which are, which are not, and what their fields say then."""

from __future__ import annotations

import gzip
import os
import random
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from salver.events import Pause
from salver.files import Folder
from salver.middleware import compress, compression
from salver.problem import HTTPError
from salver.request import Request
from salver.response import FileSegment, Response, Segments, WaitingBody, Written
from salver.semantics.codings import LARGEST, maybe_compressor
from tests.middleware.support import PLAIN, Peer, content, request
from tests.service.harness import Conversation

TEXT = b"the same again and again, " * 200
GZIP = {"Accept-Encoding": "gzip"}


def answer(made: Any, fields: dict[str, str] | None = None, *, method: str = "GET", **settings: Any) -> Response:
    peer = settings.pop("peer", None)
    handler = made if callable(made) else lambda request: made
    response: Response = compress(**settings)(handler)(
        request(method=method, fields=GZIP if fields is None else fields, peer=peer)
    )
    return response


def plain(body: Any = TEXT, status: int = 200, **fields: str) -> Response:
    return Response(body, status, {**PLAIN, **{name.replace("_", "-"): value for name, value in fields.items()}})


UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": lambda data: pytest.importorskip("brotli").decompress(data),
    "zstd": lambda data: pytest.importorskip("backports.zstd").decompress(data),
}


@pytest.mark.parametrize("coding", UNPACK)
def test_each_coding(coding: str) -> None:
    response = answer(plain(), {"Accept-Encoding": coding})
    assert response.headers["content-encoding"] == coding
    assert response.headers["vary"] == "Accept-Encoding"
    packed = content(response)
    assert len(packed) < len(TEXT) / 10 and UNPACK[coding](packed) == TEXT


@pytest.mark.parametrize("coding", UNPACK)
def test_each_coding_streamed(coding: str) -> None:
    response = answer(plain(TEXT[at : at + 999] for at in range(0, len(TEXT), 999)), {"Accept-Encoding": coding})
    assert response.body_length is None
    assert UNPACK[coding](content(response)) == TEXT


@pytest.mark.parametrize(
    ("wanted", "got"),
    [("gzip, br;q=0.5", "gzip"), ("br, gzip", "br"), ("identity", None), ("gzip;q=0", None), ("*", "br"), ("", None)],
)
def test_the_client_chooses(wanted: str, got: str | None) -> None:
    response = answer(plain(), {"Accept-Encoding": wanted})
    assert response.headers.get("content-encoding") == got
    assert response.headers["vary"] == "Accept-Encoding"  # the one that got plain bytes was asked too


def test_codings_may_be_fewer() -> None:
    fields = {"Accept-Encoding": "br, gzip"}
    assert answer(plain(), fields, codings=["gzip"]).headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("codings", [["deflate"], "gzip"])
def test_codings_that_there_are_none_of(codings: Any) -> None:
    with pytest.raises(ValueError, match="codings are some of br, zstd, gzip"):
        compress(codings=codings)


def test_no_accept_encoding_is_plain() -> None:
    response = answer(plain(), {})
    assert response.body == TEXT and response.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "made",
    [
        plain(b"x" * 1_023),
        Response(TEXT, content_type="image/png"),
        Response(TEXT),
        plain(Content_Encoding="gzip"),
        plain(Content_Encoding="identity"),
        plain(Cache_Control="public, No-Transform"),
        plain(Content_Digest="sha-256=:x:"),
        plain(status=206, Content_Range="bytes 0-5199/9000"),
        plain(b"", 204),
    ],
    ids=["short", "image", "untyped", "packed", "identity", "no-transform", "digest", "part", "empty"],
)
def test_left_as_it_is(made: Response) -> None:
    before, body = list(made.headers.fields), made.body
    response = answer(made)
    assert (response.body, list(response.headers.fields)) == (body, before)


def test_the_smallest_is_a_setting() -> None:
    assert "content-encoding" in answer(plain(b"x" * 1_024)).headers
    assert "content-encoding" in answer(plain(b"x" * 500), minimum=500).headers
    assert "content-encoding" not in answer(plain(b"x" * 499), minimum=500).headers


def test_so_are_the_types() -> None:
    made = Response(TEXT, content_type="application/x-own")
    assert "content-encoding" in answer(made, compressible=lambda media_type: media_type.endswith("own")).headers


def test_errors_are_compressed_and_those_that_pass_are_not_touched() -> None:
    assert "content-encoding" in answer(plain(status=500)).headers

    def refuse(request: Request) -> Response:
        raise HTTPError(404)

    with pytest.raises(HTTPError):
        answer(refuse)


def test_what_does_not_get_smaller_goes_as_it_is() -> None:
    noise = random.Random(1).randbytes(2_000)
    response = answer(plain(noise))
    assert response.body == noise and "content-encoding" not in response.headers


def test_a_text_a_dict_and_fields_that_vary() -> None:
    assert answer("é" * 2_000).headers["content-encoding"] == "gzip"
    assert answer({"a": "b" * 2_000}).headers["content-encoding"] == "gzip"
    assert answer(plain(Vary="Cookie")).headers["vary"] == "Cookie, Accept-Encoding"
    assert answer(plain(Vary="*")).headers["vary"] == "*"


def test_a_length_goes_and_so_do_ranges() -> None:
    response = answer(plain(Content_Length=str(len(TEXT)), Accept_Ranges="bytes"))
    assert "content-length" not in response.headers and "accept-ranges" not in response.headers


@pytest.mark.parametrize(("etag", "packed"), [('"a"', 'W/"a"'), ('W/"a"', 'W/"a"')])
def test_other_bytes_are_weakly_the_same(etag: str, packed: str) -> None:
    assert answer(plain(ETag=etag)).headers["etag"] == packed
    assert answer(plain(ETag=etag), {}).headers["etag"] == etag


@pytest.mark.parametrize(
    ("known", "repeated"), [('W/"a"', 'W/"a"'), ('"a"', '"a"'), ('W/"a", "a"', '"a"'), ('W/"b"', '"a"'), ("*", '"a"')]
)
def test_a_304_repeats_the_tag_that_the_client_has(known: str, repeated: str) -> None:
    response = answer(Response(b"", 304, {"ETag": '"a"'}), {**GZIP, "If-None-Match": known})
    assert response.headers["etag"] == repeated
    assert "vary" not in response.headers


def test_a_part_keeps_the_tag_that_it_has() -> None:
    fields = {**GZIP, "If-None-Match": 'W/"t"'}
    assert answer(plain(b"part", 206, ETag='"t"'), fields).headers["etag"] == '"t"'


def test_a_coding_that_is_not_installed_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        compression, "maybe_compressor", lambda coding: None if coding == "br" else maybe_compressor(coding)
    )
    assert answer(plain(), {"Accept-Encoding": "br, gzip;q=0.5"}).headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("promised", [None, "", "x", "-1", "9" * 20])
def test_a_head_that_promises_no_length_is_short(promised: str | None) -> None:
    fields = PLAIN if promised is None else {**PLAIN, "Content-Length": promised}
    assert "content-encoding" not in answer(Response(b"", 200, fields), method="HEAD").headers


def test_what_cannot_be_closed_need_not_be() -> None:
    answer(plain(iter([b"x"]))).close()


def test_a_304_without_a_tag_or_with_a_weak_one() -> None:
    assert "etag" not in answer(Response(b"", 304)).headers
    assert answer(Response(b"", 304, {"ETag": 'W/"a"'}), {"If-None-Match": 'W/"a"'}).headers["etag"] == 'W/"a"'


class Source:
    """Pieces that know whether they were let go of."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        while self.pieces:
            yield self.pieces.pop(0)

    def close(self) -> None:
        self.closed += 1


def test_an_event_is_not_held_back() -> None:
    source = Source(b"data: 1\n\n", b"", b"data: 2\n\n", b"data: 3\n\n")
    response = answer(Response(source, content_type="text/event-stream"))
    pieces: Iterator[bytes] = iter(response.body)  # type: ignore[arg-type]
    unpack = zlib.decompressobj(31)
    assert unpack.decompress(next(pieces)) == b"data: 1\n\n"
    assert len(source.pieces) == 3
    assert next(pieces) == b""  # "nothing yet" stays that
    assert unpack.decompress(next(pieces)) == b"data: 2\n\n"
    response.close()
    assert source.closed == 1
    assert list(pieces) == []


class Quiet(WaitingBody):
    """A body with something to say now and then."""

    def __init__(self, *pieces: bytes | None) -> None:
        self.pieces = list(pieces)
        self.wait = 15.0
        self.wakes: list[Callable[[], None]] = []
        self.closed = 0

    def __next__(self) -> bytes | None:
        if not self.pieces:
            raise StopIteration
        self.wait = 5.0
        return self.pieces.pop(0)

    def attach(self, wake: Callable[[], None]) -> None:
        self.wakes.append(wake)

    def close(self) -> None:
        self.closed += 1


def test_a_body_that_waits_goes_on_waiting() -> None:
    quiet = Quiet(None, b"data: 1\n\n", None, b"", b"data: 2\n\n")
    response = answer(Response(quiet, content_type="text/event-stream"), {"Accept-Encoding": "br, zstd, gzip"})
    body, unpack = response.body, zlib.decompressobj(31)
    assert response.headers["content-encoding"] == "gzip"  # a thousand of the others would need gigabytes
    assert isinstance(body, WaitingBody) and body.wait == 15.0
    assert next(body) is None and body.wait == 5.0
    body.attach(wake := lambda: None)
    assert quiet.wakes == [wake]
    assert unpack.decompress(next(body) or b"") == b"data: 1\n\n"
    assert [next(body), next(body)] == [None, b""]
    assert unpack.decompress(next(body) or b"") == b"data: 2\n\n"
    assert unpack.decompress(next(body) or b"") == b"" and unpack.eof
    with pytest.raises(StopIteration):
        next(body)
    response.close()
    assert quiet.closed == 1


def test_a_body_that_waits_is_plain_where_gzip_is_not_taken() -> None:
    quiet = Quiet()
    assert answer(Response(quiet, content_type="text/event-stream"), {"Accept-Encoding": "br, zstd"}).body is quiet
    assert answer(Response(quiet, content_type="text/event-stream"), codings=["br"]).body is quiet


def test_a_file_answers_a_condition_and_a_range_before_it_is_packed(tmp_path: Path) -> None:
    path = tmp_path / "page.txt"
    path.write_bytes(TEXT)

    def handler(request: Request) -> Response:
        return Response.file(path)

    whole = answer(handler)
    assert gzip.decompress(content(whole)) == TEXT and whole.headers["etag"].startswith('W/"')
    same = answer(handler, {**GZIP, "If-None-Match": whole.headers["etag"]})
    assert same.status == 304 and same.headers["etag"] == whole.headers["etag"]
    same.close()
    part = answer(handler, {**GZIP, "Range": "bytes=0-9"})
    assert part.status == 206 and "content-encoding" not in part.headers
    part.close()


def test_a_stream_ends_once_and_what_it_raises_passes() -> None:
    def broken() -> Iterator[bytes]:
        yield TEXT
        raise OSError("gone")

    pieces = iter(answer(plain(broken())).body)  # type: ignore[arg-type]
    assert next(pieces)
    with pytest.raises(OSError, match="gone"):
        next(pieces)
    with pytest.raises(TypeError):
        list(answer(plain(["no bytes"])).body)  # type: ignore[arg-type]


def test_the_answer_to_a_head_is_that_to_a_get_without_its_body() -> None:
    got, headed = answer(plain(ETag='"a"')), answer(plain(ETag='"a"'), method="HEAD")
    assert list(headed.headers.fields) == list(got.headers.fields) and headed.body_length == got.body_length
    source = Source(TEXT)
    streamed = answer(plain(source), method="HEAD")
    assert streamed.headers["content-encoding"] == "gzip" and source.closed == 1 and source.pieces == [TEXT]
    promised = answer(plain(b"", Content_Length="9000"), method="HEAD")
    assert promised.headers["content-encoding"] == "gzip" and "content-length" not in promised.headers
    for length in ("5", "-9000", "٩٠٠٠"):
        assert "content-encoding" not in answer(plain(b"", Content_Length=length), method="HEAD").headers


def test_what_takes_a_while_is_handed_over_first() -> None:
    large, peer, busy = os.urandom(8) * 5_000, Peer(), Peer(may_block=False)
    assert gzip.decompress(content(answer(plain(large), peer=peer))) == large
    assert peer.handed_over == 1
    refused = answer(plain(large), peer=busy)
    assert refused.body == large and refused.headers["vary"] == "Accept-Encoding"
    small = Peer()
    answer(plain(), peer=small)
    assert small.handed_over == 0


def test_what_is_very_large_is_packed_while_it_leaves() -> None:
    huge = b"0123456789abcdef" * (LARGEST // 16) + b"x"
    response = answer(plain(huge))
    assert response.body_length is None and gzip.decompress(content(response)) == huge


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    path = tmp_path / "file"
    path.write_bytes(TEXT)
    fd = os.open(path, os.O_RDONLY)
    yield fd
    os.close(fd)


def test_a_file_and_a_page_around_one(file: int) -> None:
    released: list[str] = []
    segment = FileSegment(file, 0, len(TEXT), lambda: released.append("segment"))
    assert gzip.decompress(content(answer(plain(segment)))) == TEXT
    inside = FileSegment(file, 26, 52, lambda: released.append("inside"))
    page = answer(plain(Segments([b"<" * 1_000, inside, b">"])))
    assert gzip.decompress(content(page)) == b"<" * 1_000 + TEXT[26:78] + b">"
    assert released == ["segment", "inside"]


def test_a_file_that_became_shorter_breaks_off(file: int) -> None:
    with pytest.raises(OSError, match="shorter"):
        content(answer(plain(FileSegment(file, 0, len(TEXT) + 1))))


def test_a_large_file_goes_by_sendfile() -> None:
    with tempfile.TemporaryFile() as large:
        segment = FileSegment(large.fileno(), 0, LARGEST + 1)
        assert answer(plain(segment)).body is segment


def test_a_folder_has_packed_already(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_bytes(TEXT)
    packed = compress()(Folder(tmp_path))(request("/", GZIP))
    assert packed.headers["content-encoding"] == "gzip" and packed.headers["etag"].startswith('"')
    assert gzip.decompress(content(packed)) == TEXT


def test_what_was_written_as_http_is_left_alone() -> None:
    written = Written([b"HTTP/1.1 200 OK\r\n\r\n"], 200, 0)
    assert answer(written) is written and written.pieces == [b"HTTP/1.1 200 OK\r\n\r\n"]


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_over_a_connection(method: bytes) -> None:
    def stream(request: Request) -> Response:
        return plain((TEXT for _ in range(2)), Content_Length=str(2 * len(TEXT)))

    client = Conversation(compress()(stream))
    client.say(method + b" / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
    assert client.statuses == [200] and client.closed
    assert b"Content-Length" not in client.reply and b"\r\nContent-Encoding: gzip\r\n" in client.reply
    assert (client.reply.split(b"\r\n\r\n", 1)[1] == b"") == (method == b"HEAD")


def test_events_over_a_connection_come_when_they_are_sent() -> None:
    def events() -> Iterator[Any]:
        yield "one"
        yield Pause(3_600)
        yield "two"

    client = Conversation(compress()(lambda request: Response.event_stream(events())))
    client.say(b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip\r\n\r\n")
    head, _, chunks = client.reply.partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    packed = b"".join(re.findall(rb"[0-9a-f]+\r\n(.*?)\r\n", chunks, re.DOTALL))
    assert b"data: one\n\n" in zlib.decompressobj(31).decompress(packed)
    client.connection.close()

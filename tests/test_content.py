"""What a body means: JSON and its refusals, and content codings. Forms are in test_form_data."""

from __future__ import annotations

import gzip
import threading
import zlib
from typing import Any

import pytest

from salver import content
from salver.problem import HTTPError
from salver.request import Request
from tests.test_request import NoExchange, head

JSON = "Content-Type: application/json\r\n"


def post(body: bytes | None, *fields: str) -> Request:
    size = len(b"streamed" if body is None else body)
    lines = "".join(("Host: a\r\n", f"Content-Length: {size}\r\n", *fields))
    return Request(head("/", lines, "POST"), NoExchange(), body)


def refused(asked: Request, name: str = "json") -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        getattr(asked, name)
    return caught.value


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON; charset=UTF-8", "a/b+json", "text/json"]
)
def test_json(content_type: str) -> None:
    asked = post(b'{"a": [1]}', f"Content-Type: {content_type}\r\n")
    assert asked.json == {"a": [1]} and asked.json is asked.json
    assert asked.body == b'{"a": [1]}'


def test_json_null_is_read_once() -> None:
    asked = post(b"null", JSON)
    assert asked.json is None and asked.json is None


def test_each_thread_has_a_reader_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def reader() -> Any:
        made.append(threading.current_thread())
        return bytes.decode

    monkeypatch.setattr(content, "json_reader", reader)
    monkeypatch.setattr(content, "_OWN", content._ThreadsOwn())
    threads = [threading.Thread(target=lambda: [post(b"1", JSON).json for _ in range(3)]) for _ in range(2)]
    for thread in threads:
        thread.start()
        thread.join()
    assert post(b"1", JSON).json == "1" and made == [threading.current_thread(), *threads]


@pytest.mark.parametrize("content_type", ["", "Content-Type: text/plain\r\n", "Content-Type: json\r\n"])
def test_json_of_another_type(content_type: str) -> None:
    error = refused(post(b"{}", content_type))
    assert error.status == 415 and list(error.headers) == [("Accept", "application/json")]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b"[" * 100_000, b'{"a":1,"a":2}'])
def test_what_is_not_json(body: bytes) -> None:
    assert refused(post(body, JSON)).status == 400


def test_two_content_types_are_none() -> None:
    asked = post(b"{}", JSON, "Content-Type: text/plain\r\n")
    assert refused(asked).status == refused(asked, "form").status == refused(asked, "content_type").status == 400


def test_the_content_type() -> None:
    assert post(b"", "Content-Type: Text/Plain; charset=x\r\n").content_type == "text/plain"
    assert post(b"").content_type == ""


@pytest.mark.parametrize(
    ("coding", "pack"), [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_content_coding_is_undone(coding: str, pack: Any) -> None:
    packed = pack(b'{"a": 1}')
    asked = post(packed, JSON, f"Content-Encoding: {coding}\r\n")
    assert asked.json == {"a": 1} and asked.body == packed
    asked = post(pack(b"a=1"), "Content-Type: application/x-www-form-urlencoded\r\n", f"Content-Encoding: {coding}\r\n")
    assert asked.form["a"] == "1"


@pytest.mark.parametrize("name", ["json", "form"])
def test_codings_refused(name: str) -> None:
    def asked(body: bytes, coding: str) -> Request:
        form = "Content-Type: application/x-www-form-urlencoded\r\n"
        return post(body, JSON if name == "json" else form, f"Content-Encoding: {coding}\r\n")

    error = refused(asked(b"{}", "br"), name)
    assert error.status == 415 and list(error.headers) == [("Accept-Encoding", "gzip, deflate")]
    assert refused(asked(b"{}", "gzip"), name).status == 400
    assert refused(asked(gzip.compress(b"{}")[:-1], "gzip"), name).status == 400
    assert refused(asked(gzip.compress(bytes(17 << 20)), "gzip"), name).status == 413


def test_an_empty_body_needs_no_decoding() -> None:
    asked = post(b"", "Content-Type: application/x-www-form-urlencoded\r\n", "Content-Encoding: gzip\r\n")
    assert len(asked.form) == 0

"""What a request carries, written: forms and files, exact lengths, nothing read ahead, and no name that ends a line."""

from __future__ import annotations

import io
import itertools
import json
import os
import tracemalloc
from collections.abc import Iterator
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.client import Client, InvalidRequest
from salver.client.content import Content
from salver.client.encoding import Encoded, encode
from salver.semantics.content_types import parse_content_type
from tests.client.scripted import OK, Script, ScriptedTransport, network


def encoded(**given: Any) -> Encoded:
    return encode(given.get("content"), given.get("data"), given.get("files"), given.get("json"))


def whole(body: bytes | Content) -> bytes:
    """All of it, once its length has been compared."""
    if isinstance(body, bytes):
        return body
    data = b"".join(body)
    assert body.length in (None, len(data))
    return data


def parts_of(found: Encoded) -> list[tuple[str | None, str | None, str | None, bytes]]:
    """(name, file name, media type, content) of a multipart body, read by another library."""
    body, media_type = found
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {media_type}\r\n\r\n".encode() + whole(body))
    assert not message.defects
    return [
        (
            cast(Any, each["content-disposition"]).params.get("name"),
            each.get_filename(),
            str(each["content-type"]) if "content-type" in each else None,
            cast(bytes, each.get_payload(decode=True)),
        )
        for each in message.iter_parts()
    ]


# Which one


@pytest.mark.parametrize(
    ("given", "body", "media_type"),
    [
        ({}, b"", None),
        ({"content": b"x"}, b"x", None),
        ({"content": "ü"}, "ü".encode(), None),
        ({"content": bytearray(b"x")}, b"x", None),
        ({"json": {"a": "ü"}}, '{"a":"ü"}'.encode(), "application/json"),
        ({"json": None}, b"", None),  # as with requests and httpx: an argument that was not given
        ({"json": False}, b"false", "application/json"),
        ({"data": {"a": "ü b&c", "d": 1}}, b"a=%C3%BC+b%26c&d=1", "application/x-www-form-urlencoded"),
        ({"data": {"a": [1, 2], "b": None, "c": True}}, b"a=1&a=2&c=true", "application/x-www-form-urlencoded"),
        ({"data": [("a", "1"), ("a", "2")]}, b"a=1&a=2", "application/x-www-form-urlencoded"),
        ({"data": "a=b&c"}, b"a=b&c", "application/x-www-form-urlencoded"),
        ({"data": {}}, b"", "application/x-www-form-urlencoded"),
        ({"data": b"raw"}, b"raw", None),
        ({"data": io.BytesIO(b"raw")}, b"raw", None),
        ({"data": iter([b"r", b"aw"])}, b"raw", None),
    ],
)
def test_kinds(given: dict[str, Any], body: bytes, media_type: str | None) -> None:
    found, said = encoded(**given)
    assert (whole(found), said) == (body, media_type)


@pytest.mark.parametrize(
    "given",
    [
        {"content": b"a", "json": 1},
        {"content": b"a", "data": {}},
        {"json": 1, "files": {"a": b""}},
        {"json": float("nan")},
        {"json": [float("inf")]},
        {"json": "\ud800"},
        {"json": object()},
        {"json": {(1, 2): 3}},
        {"content": "\ud800"},
        {"content": 5},
        {"data": 5},
        {"data": "\ud800"},
        {"data": {"a": "\ud800"}, "files": {"f": b""}},
        {"data": ["abc"], "files": {"f": b""}},
        {"files": {"\ud800": b""}},
        {"files": {"f": 5}},
        {"files": {"f": Path("x")}},
        {"files": {"f": ("name",)}},
        {"files": {"f": ("name", b"", "text/plain\r\nX: y")}},
        {"files": {"f": ("name", b"", "text/plain", {"X": "y\r\nZ: z"})}},
        {"files": {"f": ("name", b"", "text/plain", {"X: y\r\nZ": "z"})}},
        {"files": {"f": ("name", b"", "text/plain", {"": "z"})}},
        {"files": 5},
    ],
)
def test_what_cannot_be_sent(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        encoded(**given)


def test_json_that_never_ends() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidRequest, match="no JSON"):
        encoded(json=endless)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_json(value: Any) -> None:
    try:
        body, _ = encoded(json=value)
    except InvalidRequest:
        assert "\\ud" in json.dumps(value)
    else:
        assert body == b"" if value is None else json.loads(cast(bytes, body)) == value


# Forms with files


def test_parts(tmp_path: Path) -> None:
    path = tmp_path / "menu.pdf"
    path.write_bytes(b"%PDF\r\n--x")
    with path.open("rb") as file:
        found = encoded(
            data={"a": "1", "b": ["2", "ü"], "c": None, "n": 5, "t": True, "r": b"\xff"},
            files=[
                ("f", file),
                ("f", ("other.txt", "text")),
                ("g", ("x", io.BytesIO(b"y"), "image/x", {"X-Own": "z"})),
                ("h", b"plain"),
                ("i", (None, "no file")),
            ],
        )
        assert parts_of(found) == [
            ("a", None, None, b"1"),
            ("b", None, None, b"2"),
            ("b", None, None, "ü".encode()),
            ("c", None, None, b""),
            ("n", None, None, b"5"),
            ("t", None, None, b"true"),
            ("r", None, None, b"\xff"),
            ("f", "menu.pdf", "application/pdf", b"%PDF\r\n--x"),
            ("f", "other.txt", "text/plain", b"text"),
            ("g", "x", "image/x", b"y"),
            ("h", "h", "application/octet-stream", b"plain"),
            ("i", None, None, b"no file"),
        ]
        assert b"X-Own: z\r\n" in whole(found[0])


def test_as_it_is_written() -> None:
    body, media_type = encoded(data={"a": "1"}, files={"f": ("n.txt", b"x")})
    kind, parameters = parse_content_type(media_type or "")
    boundary = parameters["boundary"].encode()
    assert kind == "multipart/form-data"
    assert len(boundary) == 32
    assert whole(body) == (
        b"--%b\r\n"
        b'Content-Disposition: form-data; name="a"\r\n\r\n'
        b"1\r\n"
        b"--%b\r\n"
        b'Content-Disposition: form-data; name="f"; filename="n.txt"\r\nContent-Type: text/plain\r\n\r\n'
        b"x\r\n"
        b"--%b--\r\n"
    ) % ((boundary,) * 3)
    assert encoded(files={"f": b""})[1] != encoded(files={"f": b""})[1]


@pytest.mark.parametrize("name", ['a"b', "a\r\nX: y", "a\nb", 'a"; filename="evil', "ü/\\", ""])
def test_names_end_no_line(name: str) -> None:
    for found in (encoded(data={name: "v"}, files={"f": b""}), encoded(files={name: (name, b"v")})):
        data = whole(found[0])
        heads = [part.split(b"\r\n\r\n")[0] for part in data.split(b"--" + (found[1] or "").split("=")[1].encode())]
        written = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A").encode()
        assert any(b'name="' + written + b'"' in head for head in heads)
        assert not any(line.startswith(b"X:") for line in data.split(b"\r\n"))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_names(name: str, filename: str) -> None:
    found = encoded(data={name: "v"}, files={name: (filename, b"w")})
    data = whole(found[0])
    assert data.count(b"\r\n\r\n") >= 2
    for head in data.split(b"\r\n\r\n")[:-1]:
        assert all(line.startswith((b"--", b"Content-", b"v", b"w")) for line in head.split(b"\r\n") if line)


def test_names_that_files_have(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    reading, writing = os.pipe()
    os.close(writing)
    with (tmp_path / "x").open("rb") as named, os.fdopen(reading, "rb") as nameless:
        assert parts_of(encoded(files={"f": named}))[0][1] == "x"
        assert parts_of(encoded(files={"f": nameless}))[0][1] == "f"
    with open(os.fsencode(tmp_path / "x"), "rb") as named:
        assert parts_of(encoded(files={"f": named}))[0][1] == "x"


def test_one_content_type_for_a_part() -> None:
    found = encoded(files={"f": ("n.txt", b"x", None, {"content-type": "text/own"})})
    assert whole(found[0]).lower().count(b"content-type:") == 1


# Length, memory, and once more


class Zeros(io.RawIOBase):
    """A file of so many zeros, which counts what is read of it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.at = 0
        self.largest = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (self.size if whence == os.SEEK_END else 0)
        return self.at

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "all of it at once"
        count = min(size, self.size - self.at)
        self.largest = max(self.largest, count)
        self.at += count
        return bytes(count)


def test_a_gigabyte_is_never_in_memory() -> None:
    file = Zeros(10**9)
    tracemalloc.start()
    try:
        body, _ = encoded(data={"a": "1"}, files={"f": cast(BinaryIO, file)})
        assert isinstance(body, Content)
        assert file.largest == 0  # nothing is read beforehand
        assert body.length is not None and body.length > 10**9
        sizes = [len(part) for part in itertools.islice(body, 200)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert max(sizes) < 1_000_000
    assert peak < 5_000_000


def test_from_where_a_file_stands() -> None:
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    body, _ = encoded(content=file)
    assert isinstance(body, Content)
    assert (body.length, whole(body), whole(body)) == (6, b"456789", b"456789")


def test_without_a_known_length() -> None:
    def produce() -> Iterator[bytes]:
        yield b"abc"

    body, _ = encoded(files={"f": produce()})
    assert isinstance(body, Content)
    assert body.length is None
    assert not body.replayable
    assert b"\r\n\r\nabc\r\n--" in whole(body)


def test_small_parts_are_gathered() -> None:
    body, _ = encoded(data={f"a{number}": "x" for number in range(200)}, files={"f": b""})
    assert len(list(body)) == 1


def test_the_same_again_for_a_retry() -> None:
    with_files = {"f": io.BytesIO(b"the file"), "g": b"bytes"}
    transport = ScriptedTransport([Script([b""]), Script([OK])])
    with Client(transport=transport, trust_env=False) as client:
        client.put("http://h/", files=with_files)
    first, second = (bytes(wire.sent) for wire in transport.wires)
    assert first == second
    assert b"the file" in first


def test_lengths_are_announced() -> None:
    transport = network(OK)
    with Client(transport=transport, trust_env=False) as client:
        client.post("http://h/", data={"a": "1"}, files={"f": io.BytesIO(b"x" * 1_000)})
    head, _, body = bytes(transport.wires[0].sent).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Transfer-Encoding" not in head


def test_a_file_that_is_open_as_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("text")
    transport = network(OK)
    with (
        (tmp_path / "x").open() as file,
        Client(transport=transport, trust_env=False) as client,
        pytest.raises((InvalidRequest, TypeError), match="'rb'"),
    ):
        client.post("http://h/", files={"f": cast(Any, file)})
    assert all(wire.closed for wire in transport.wires)

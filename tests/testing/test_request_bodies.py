"""Bodies as clients send them."""

from __future__ import annotations

import io
import re

import pytest

from salver.testing.request_bodies import make_body, pairs_of

OCTETS = b"application/octet-stream"


def parts(**given) -> list[bytes]:
    """The parts of a multipart body, its framing checked on the way."""
    body = make_body(None, given.get("data"), None, given["files"])
    assert body.content_type is not None
    matched = re.fullmatch(r"multipart/form-data; boundary=([0-9a-f]{32})", body.content_type)
    assert matched is not None
    content = b"".join(body.pieces)
    assert body.length == len(content)
    first, *between, last = content.split(b"--" + matched[1].encode())
    assert (first, last) == (b"", b"--\r\n")
    assert all(part.startswith(b"\r\n") and part.endswith(b"\r\n") for part in between)
    return [part[2:-2] for part in between]


def test_fields_go_before_files():
    assert parts(data={"a": ["1", "ü"]}, files={"f": b"content"}) == [
        b'Content-Disposition: form-data; name="a"\r\n\r\n1',
        'Content-Disposition: form-data; name="a"\r\n\r\nü'.encode(),
        b'Content-Disposition: form-data; name="f"; filename="f"\r\nContent-Type: ' + OCTETS + b"\r\n\r\ncontent",
    ]


def test_a_file_may_be_bytes_text_or_open_and_may_say_its_name_and_type(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG")
    with path.open("rb") as file:
        found = parts(
            files=[
                ("f", file),
                ("f", ("b.txt", "text")),
                ("f", ("c", io.BytesIO(b"c"), "x/y")),
                ("f", (None, b"no file")),
            ]
        )
    assert found == [
        b'Content-Disposition: form-data; name="f"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG',
        b'Content-Disposition: form-data; name="f"; filename="b.txt"\r\nContent-Type: text/plain\r\n\r\ntext',
        b'Content-Disposition: form-data; name="f"; filename="c"\r\nContent-Type: x/y\r\n\r\nc',
        b'Content-Disposition: form-data; name="f"\r\nContent-Type: application/octet-stream\r\n\r\nno file',
    ]


def test_several_files_of_one_field():
    assert len(parts(files={"f": [b"1", ("2.txt", b"2")]})) == 2


def test_a_name_cannot_end_its_quotes_or_its_line():
    (part,) = parts(files={'a"b': ("c\r\nd", b"")})
    assert part.startswith(b'Content-Disposition: form-data; name="a%22b"; filename="c%0D%0Ad"\r\n')


def test_pairs():
    assert pairs_of({"a": None, "b": (1, 2.5), "c": []}) == [("a", ""), ("b", "1"), ("b", "2.5")]
    assert pairs_of([("a", "1"), ("a", "2")]) == [("a", "1"), ("a", "2")]


def test_what_makes_no_body_is_an_error():
    with pytest.raises(TypeError, match="give content or json"):
        make_body(b"", None, 1, None)
    with pytest.raises(TypeError, match="give content or data"):
        make_body(b"", {"a": "1"}, None, None)
    with pytest.raises(TypeError, match="mapping of fields"):
        make_body(None, b"raw", None, {"f": b""})
    with pytest.raises(ValueError, match="JSON"):
        make_body(None, None, float("nan"), None)

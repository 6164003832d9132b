"""`salver get` on a terminal: JSON arranged, a bar for files, and nothing of a response obeyed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.cli.showing import as_text, maybe_arranged, shown
from tests.cli.getting import answer, canned, get, get_on_terminal

_COLOURS = re.compile(rb"\x1b\[[0-9;]*m")
EVIL = "\x1b]0;pwned\x07\x1b[2J\x9b31m\x7f\x08\x00"
EVIL_JSON = b'{"a": 1.10, "a": 1e400, "e": "\xc2\x9b31m\xe2\x80\xae\xc3\xbc", "n": [], "o": {}, "l": [1, {"x": null}]}'
ARRANGED = """\
{
  "a": 1.10,
  "a": 1e400,
  "e": "\\u009b31m\\u202eü",
  "n": [],
  "o": {},
  "l": [
    1,
    {
      "x": null
    }
  ]
}
"""


def test_json_is_arranged_and_coloured() -> None:
    with canned(*[answer(EVIL_JSON, "Content-Type: application/json")] * 4) as server:
        coloured = get_on_terminal(server.url).output
        assert _COLOURS.search(coloured)
        assert _COLOURS.sub(b"", coloured).decode() == ARRANGED
        plain = get_on_terminal(server.url, NO_COLOR="1").output  # bold is no colour
        assert not re.search(rb"\x1b\[[0-9;]*3[0-7]m", plain)
        assert _COLOURS.sub(b"", plain).decode() == ARRANGED
        assert get_on_terminal(server.url, "-N").text.startswith('{"a": 1.10')
        assert get(server.url).output == EVIL_JSON


def test_json_that_is_none_is_text() -> None:
    with canned(answer(b'{"a": \x1b', "Content-Type: application/json")) as server:
        assert get_on_terminal(server.url).output == b'{"a": \\x1b\n'


@pytest.mark.parametrize("kind", ["text/plain", "text/html; charset=latin-1", "application/x-unknown"])
def test_nothing_is_obeyed(kind: str) -> None:
    body = EVIL.replace("\x00", "").encode("latin-1" if "latin" in kind else "utf-8") + b"\r\nnext\tline\rlast"
    with canned(answer(body, f"Content-Type: {kind}", "X-Evil: a\x9b31m\xe2\x80\xae")) as server:
        written = get_on_terminal(server.url, "-i").output
    text = written.decode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "X-Evil: a\\x9b31m" in text
    assert text.endswith("\\x1b]0;pwned\\x07\\x1b[2J\\x9b31m\\x7f\\x08\nnext\tline\nlast\n")


@pytest.mark.parametrize(
    ("kind", "body"), [("image/png", b"text?"), ("text/plain", b"a\0b"), ("application/json", b"\0")]
)
def test_binary_is_refused(kind: str, body: bytes) -> None:
    with canned(*[answer(body, f"Content-Type: {kind}")] * 2) as server:
        done = get_on_terminal(server.url)
        assert done.status == 23
        assert "keep it with -o FILE or -O, or pipe it" in done.text
        assert body not in done.output
        assert body in get_on_terminal(server.url, "-o", "-").output


def test_an_error_shows_nothing_that_is_obeyed() -> None:
    bad = b"HTTP/1.1 302 Found\r\nLocation: ftp://\x9b31m/\r\nContent-Length: 0\r\n\r\n"
    with canned(bad) as server:
        done = get_on_terminal(server.url)
    assert done.status == 8
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.text)


def test_a_bar(tmp_path: Path) -> None:
    with canned(*[answer(bytes(100_000))] * 3) as server:
        done = get_on_terminal(f"{server.url}/[red]x", "-o", "[red]x", cwd=tmp_path)
        assert done.status == 0
        assert b"[red]x" in done.output
        assert "97.7/97.7 KiB" in _COLOURS.sub(b"", done.output).decode()
        assert done.output.endswith(b"\x1b[?25h")  # the cursor is back
        assert get_on_terminal(f"{server.url}/x", "-o", "y", "-s", cwd=tmp_path).output == b""
        assert get(f"{server.url}/x", "-o", "z", cwd=tmp_path).errors == ""
    assert sorted(os.listdir(tmp_path)) == ["[red]x", "y", "z"]


def test_no_bar_for_what_is_no_file(tmp_path: Path) -> None:
    with canned(answer(b"", status="404 Not Found")) as server:
        done = get_on_terminal(server.url, "-o", "x", cwd=tmp_path)
    assert done.status == 22
    assert "0/" not in done.text


def test_a_password_is_asked_for() -> None:
    with canned(answer(b"ok")) as server:
        done = get_on_terminal(server.url, "-u", "me", typed=b"s3cret\n")
        assert b"Authorization: Basic bWU6czNjcmV0\r\n" in server.asked[0]
    assert "The password of me: " in done.text
    assert done.text.endswith("ok\n")


# What is shown, as values

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, st.booleans(), st.sampled_from([None, 3]))
def test_arranged_json_is_the_same(value: object, ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    text = maybe_arranged(raw)
    if text is None:
        assert not _decodes(raw)
        return
    assert json.loads(text) == value
    assert shown(text) == text


def _decodes(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeError:
        return False
    return True


@pytest.mark.parametrize("raw", [b"", b"{", b'"', b"[" * 100_000, b"\xff", b"{'a': 1}", b"1 2"])
def test_what_is_no_json(raw: bytes) -> None:
    assert maybe_arranged(raw) is None


def test_numbers_of_any_length_stay() -> None:
    assert maybe_arranged(b"[" + b"9" * 10_000 + b"]") == "[\n  " + "9" * 10_000 + "\n]\n"


@given(st.text(), st.integers(1, 9))
def test_text_in_any_pieces(text: str, size: int) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    pieces = (raw[at : at + size] for at in range(0, len(raw), size))
    whole = "".join(as_text(pieces, "utf-8"))
    assert whole == "".join(as_text(iter([raw] if raw else []), "utf-8"))
    assert shown(whole) == whole
    assert not whole or whole.endswith("\n")

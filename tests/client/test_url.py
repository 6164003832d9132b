"""URLs: what is taken, how it is written, what is refused, and what references mean (RFC 3986 §5.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.client.errors import InvalidRequest
from salver.client.url import URL, encode_params, parse_url


@pytest.mark.parametrize(
    ("text", "written", "host_field"),
    [
        ("http://a", "http://a/", "a"),
        ("HTTP://A.Example:80/x", "http://a.example/x", "a.example"),
        ("https://a:443/", "https://a/", "a"),
        ("https://a:80/", "https://a:80/", "a:80"),
        ("http://a?q", "http://a/?q", "a"),
        ("http://a#f", "http://a/#f", "a"),
        ("http://[::1]:8000/x", "http://[::1]:8000/x", "[::1]:8000"),
        ("http://[FE80::1%25eth0]/", "http://[fe80::1]/", "[fe80::1]"),
        ("http://a/b/../c/./d", "http://a/c/d", "a"),
        ("http://a/b/%2e%2E/c", "http://a/c", "a"),
        ("http://a/../../x", "http://a/x", "a"),
        ("http://a/ä b?ö=ü é", "http://a/%C3%A4%20b?%C3%B6=%C3%BC%20%C3%A9", "a"),
        ("http://a/%zz%41", "http://a/%25zz%41", "a"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://straße.example/", "http://xn--strae-oqa.example/", "xn--strae-oqa.example"),
        ("http://STRAẞE.example/", "http://xn--strae-oqa.example/", "xn--strae-oqa.example"),
        ("http://ΒΌΛΟΣ.example/", "http://xn--nxasmq6b.example/", "xn--nxasmq6b.example"),
        ("http://βόλος。example/", "http://xn--nxasmm1c.example/", "xn--nxasmm1c.example"),
        ("http://a/x//y", "http://a/x//y", "a"),
        ("  http://a/  ", "http://a/", "a"),
        ("http://a_b.c/", "http://a_b.c/", "a_b.c"),
        ("http://a/?q=a+b&c=%2B", "http://a/?q=a+b&c=%2B", "a"),
    ],
)
def test_what_is_taken(text: str, written: str, host_field: str) -> None:
    url = parse_url(text)
    assert str(url) == written
    assert url.host_field == host_field


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "//a/",
        "/path",
        "ftp://a/",
        "file:///etc/passwd",
        "http:/a",
        "http://",
        "http:///x",
        "http://@/",
        "http://a b/",
        "http://a/\ud800",
        "http://a/#\ud800",
        "http://\ud800/",
        "http://نامه\u200cای.example/",
        "http://ß" + "a" * 62 + "/",
        "http://a\tb/",
        "http://a/\r\nX: y",
        "http://a/\x00",
        "http://a\\b/",
        "http://a/\\b",
        "http://a:b/",
        "http://a:99999/",
        "http://a:0/",
        "http://a:-1/",
        "http://a:٥/",
        "http://[::1/",
        "http://[::zz]/",
        "http://[::1]x/",
        "http://a..b/",
        "http://.a/",
        "http://-/@",
        "http://a%00b/",
        "http://a%2fb/",
        "http://a,b/",
        "http://" + "a" * 300 + "/",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_url(text)
    assert str(caught.value)


def test_what_is_secret_is_not_shown() -> None:
    url = parse_url("http://us%40er:p%3Ass@a/x")
    assert url.credentials == ("us@er", "p:ss")
    assert "ss" not in str(url)
    assert "ss" not in repr(url)
    assert url != parse_url("http://a/x")


@pytest.mark.parametrize(
    "text",
    ["http://me:s3cret@a b/", "me:s3cret@a/x", "//me:s3cret@a/", "http://me:s3cret@x@a\t/", "http://me:s3cret@a\\/"],
)
def test_what_is_secret_is_not_in_an_error_either(text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_url(text)
    assert "s3cret" not in str(caught.value)


# RFC 3986 §5.4.1 and §5.4.2, with the base of the RFC.
REFERENCES = {
    "g": "/b/c/g",
    "./g": "/b/c/g",
    "g/": "/b/c/g/",
    "/g": "/g",
    "?y": "/b/c/d;p?y",
    "g?y": "/b/c/g?y",
    "#s": "/b/c/d;p?q#s",
    "g#s": "/b/c/g#s",
    "g?y#s": "/b/c/g?y#s",
    ";x": "/b/c/;x",
    "g;x": "/b/c/g;x",
    "g;x?y#s": "/b/c/g;x?y#s",
    "": "/b/c/d;p?q",
    ".": "/b/c/",
    "./": "/b/c/",
    "..": "/b/",
    "../": "/b/",
    "../g": "/b/g",
    "../..": "/",
    "../../": "/",
    "../../g": "/g",
    "../../../g": "/g",
    "../../../../g": "/g",
    "/./g": "/g",
    "/../g": "/g",
    "g.": "/b/c/g.",
    ".g": "/b/c/.g",
    "g..": "/b/c/g..",
    "..g": "/b/c/..g",
    "./../g": "/b/g",
    "./g/.": "/b/c/g/",
    "g/./h": "/b/c/g/h",
    "g/../h": "/b/c/h",
    "g;x=1/./y": "/b/c/g;x=1/y",
    "g;x=1/../y": "/b/c/y",
    "g?y/./x": "/b/c/g?y/./x",
    "g?y/../x": "/b/c/g?y/../x",
    "g#s/./x": "/b/c/g#s/./x",
    "g#s/../x": "/b/c/g#s/../x",
    "/a b?u=http://x/": "/a%20b?u=http://x/",  # pasted blanks, with another URL in the query
    "g?u=http://x y/": "/b/c/g?u=http://x%20y/",
}


@pytest.mark.parametrize(("reference", "meant"), REFERENCES.items())
def test_references(reference: str, meant: str) -> None:
    assert str(parse_url("http://a/b/c/d;p?q").join(reference)) == f"http://a{meant}"


@pytest.mark.parametrize(
    ("reference", "meant"),
    [("//g", "http://g/"), ("https://g/x", "https://g/x"), ("HTTP://G", "http://g/"), ("//g:80/", "http://g/")],
)
def test_references_to_elsewhere(reference: str, meant: str) -> None:
    assert str(parse_url("http://a/b").join(reference)) == meant


@pytest.mark.parametrize(
    "reference", ["g:h", "javascript:alert(1)", "https:evil", "http:/x", "//a b/", "/\r\n", "/\\evil"]
)
def test_references_that_lead_nowhere(reference: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_url("http://a/b").join(reference)


def test_the_fragment_is_inherited() -> None:
    base = parse_url("http://a/b#f")
    assert base.join("/c").fragment == "f"  # RFC 9110 §10.2.2
    assert base.join("/c#g").fragment == "g"


@pytest.mark.parametrize(
    ("params", "encoded"),
    [
        (None, ""),
        ({}, ""),
        ({"a": "b c"}, "a=b+c"),
        ({"a": [1, 2], "b": None, "c": True, "d": 1.5}, "a=1&a=2&c=true&d=1.5"),
        ([("a", "1"), ("a", "2")], "a=1&a=2"),
        ({"ä": "ö&="}, "%C3%A4=%C3%B6%26%3D"),
        ("a=b&c", "a=b&c"),
        (b"?x", "x"),
    ],
)
def test_params(params: object, encoded: str) -> None:
    assert encode_params(params) == encoded  # type: ignore[arg-type]


def test_params_that_are_no_text() -> None:
    for params in ({"q": "\ud800"}, "\ud800"):
        with pytest.raises(InvalidRequest, match="surrogate"):
            encode_params(params)


def test_params_behind_a_bare_question_mark() -> None:
    assert parse_url("http://a/?").with_params({"q": "1"}).target == "/?q=1"


def test_params_are_added() -> None:
    assert parse_url("http://a/x?y#f").with_params({"z": 1}).target == "/x?y&z=1"
    assert parse_url("http://a/x").with_params({}).target == "/x"


@pytest.mark.parametrize("params", [5, [1], [("a",)]])
def test_params_that_are_none(params: object) -> None:
    with pytest.raises(InvalidRequest, match="params"):
        encode_params(params)  # type: ignore[arg-type]


@given(st.text(max_size=40))
def test_whatever_is_pasted(text: str) -> None:
    """A URL, or one documented error; and what comes out holds nothing that could end a request line."""
    try:
        url = parse_url(f"http://a/{text}")
    except InvalidRequest:
        return
    assert url.origin.host == "a"
    assert all("!" <= character <= "~" for character in url.target)
    assert parse_url(str(url)) == url


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_reference_never_changes_the_origin_unseen(base: str, reference: str) -> None:
    try:
        url: URL = parse_url("http://a/" + base).join("x/" + reference)
    except InvalidRequest:
        return
    assert url.origin == ("http", "a", 80)

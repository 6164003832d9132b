"""Messages by hypothesis: valid ones, as parts and as bytes; and what becomes of bytes when they are bent."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from hypothesis import strategies as st

TCHARS = "!#$%&'*+-.^_`|~0123456789ABCXYZabcxyz"
VALUE_CHARS = '\t !"#,:;=az09~\x80\x85\xa0\xff'
OWN = frozenset(("host", "content-length", "transfer-encoding", "connection", "expect"))

Fields = list[tuple[str, str]]

tokens = st.text(TCHARS, min_size=1, max_size=8)
values = st.text(VALUE_CHARS, max_size=12).map(lambda value: value.strip(" \t"))
free_fields = st.lists(
    st.tuples(tokens.filter(lambda name: name.lower() not in OWN), values),
    max_size=5,
)
methods = st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "DELETE", "x-Y"])
targets = st.text("/abc?=%20{}|~;:@!", max_size=10).map(lambda text: "/" + text)
trailers = st.lists(st.tuples(tokens.map(lambda name: "t-" + name), values), max_size=3)
pieces = st.lists(st.binary(min_size=1, max_size=12), max_size=4)
extensions = st.sampled_from([b"", b";a", b";a=b", b' ; a = "b\\"c;\t"', b";a;b=c"])


class Request(NamedTuple):
    """A request in parts; `chunks` None where the body has a length."""

    method: str
    target: str
    fields: Fields
    body: bytes
    chunks: list[bytes] | None
    trailers: Fields


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A valid request."""
    chunks = draw(st.none() | pieces)
    return Request(
        method=draw(methods),
        target=draw(targets),
        fields=[("Host", draw(st.sampled_from(["a", "a:80", "[::1]"]))), *draw(free_fields)],
        body=b"".join(chunks) if chunks is not None else draw(st.binary(max_size=20)),
        chunks=chunks,
        trailers=draw(trailers) if chunks is not None else [],
    )


@st.composite
def request_bytes(draw: st.DrawFn) -> bytes:
    """A valid request as a peer might write it: odd blanks, odd cases, chunk extensions, either version."""
    request = draw(requests())
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    fields = [_field(draw, name, value) for name, value in request.fields]
    if draw(st.integers(0, 4)) == 0:
        fields.append(_field(draw, "Connection", draw(st.sampled_from(["close", "keep-alive", "x", ""]))))
    body = request.body
    if request.chunks is not None and version == b"1.1":
        fields.append(_field(draw, "Transfer-Encoding", draw(st.sampled_from(["chunked", "Chunked"]))))
        body = _chunked(draw, request)
    else:
        fields.append(_field(draw, "content-Length", f"{draw(st.sampled_from(['', '0', '00']))}{len(body)}"))
    line = b"%b %b HTTP/%b\r\n" % (request.method.encode(), request.target.encode(), version)
    return draw(st.sampled_from([b"", b"", b"\r\n"])) + line + b"".join(fields) + b"\r\n" + body


def _field(draw: st.DrawFn, name: str, value: str) -> bytes:
    before, behind = draw(st.sampled_from([("", ""), (" ", ""), ("\t ", " \t")]))
    return f"{name}:{before}{value}{behind}\r\n".encode("latin-1")


def _chunked(draw: st.DrawFn, request: Request) -> bytes:
    written = [b"%x%b\r\n%b\r\n" % (len(chunk), draw(extensions), chunk) for chunk in request.chunks or [] if chunk]
    lines = [_field(draw, name, value) for name, value in request.trailers]
    return b"".join([*written, draw(st.sampled_from([b"0", b"000"])), draw(extensions), b"\r\n", *lines, b"\r\n"])


@st.composite
def response_bytes(draw: st.DrawFn) -> bytes:
    """A valid response, its body framed in one of the three ways."""
    status = draw(st.sampled_from([b"200 OK", b"404", b"299 \xfcber", b"204 No Content", b"304 x", b"100 Continue"]))
    fields = [_field(draw, name, value) for name, value in draw(free_fields)]
    body, chunks = draw(st.binary(max_size=20)), draw(pieces)
    way = draw(st.sampled_from(["length", "chunked", "close"]))
    if way == "length":
        fields.append(b"Content-Length: %d\r\n" % len(body))
    elif way == "chunked":
        fields.append(b"Transfer-Encoding: chunked\r\n")
        body = _chunked(draw, Request("", "", [], b"", chunks, draw(trailers)))
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(fields) + b"\r\n" + body


ODD = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\x00",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b'"',
    b"\\",
    b"\x7f",
    b"\x85",
    b"0",
    b"_",
    b"\r\n\r\n",
]


@st.composite
def bent(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with up to three places changed: something odd put in, taken out, put over, or doubled."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 4))
        odd = draw(st.sampled_from(ODD))
        what = draw(st.integers(0, 3))
        middle = [odd, b"", odd + data[at : at + length], data[at : at + length] * 2][what]
        data = data[:at] + middle + data[at + (length if what else 0) :]
    return data


@st.composite
def cut(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """`data` in pieces."""
    inside = draw(st.lists(st.integers(1, max(1, len(data) - 1)), max_size=8, unique=True))
    edges = [0, *sorted(edge for edge in inside if edge < len(data)), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]

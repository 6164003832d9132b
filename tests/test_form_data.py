"""Forms: urlencoded and multipart, whole and split, within their limits; and what is refused leaves nothing."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.form_data import FormLimits
from salver.problem import HTTPError
from salver.request import Request
from tests.test_request import NoExchange, head

B = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


class Arriving(io.RawIOBase):
    """A streamed body that comes in pieces of `size` bytes."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self.left, self.size = data, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = min(self.size, len(buffer))
        piece, self.left = self.left[:size], self.left[size:]
        buffer[: len(piece)] = piece
        return len(piece)


class Streaming(NoExchange):
    def __init__(self, data: bytes, size: int) -> None:
        super().__init__()
        self.stream = io.BufferedReader(Arriving(data, size), 65_536)

    def body_stream(self) -> BinaryIO:
        return self.stream


def part(name: str, value: bytes, more: str = "", *lines: str) -> bytes:
    fields = "\r\n".join((f'Content-Disposition: form-data; name="{name}"{more}', *lines))
    return f"--{B}\r\n{fields}\r\n\r\n".encode() + value + b"\r\n"


def file(name: str, value: bytes, filename: str = "a.txt", content_type: str = "text/plain") -> bytes:
    return part(name, value, f'; filename="{filename}"', f"Content-Type: {content_type}")


def whole(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{B}--\r\n".encode()


def post(data: bytes, content_type: str = f"multipart/form-data; boundary={B}", split: int | None = None) -> Request:
    fields = f"Host: a\r\nContent-Length: {len(data)}\r\nContent-Type: {content_type}\r\n"
    if split is None:
        return Request(head("/", fields, "POST"), NoExchange(), data)
    return Request(head("/", fields, "POST"), Streaming(data, split), None)


def refused(asked: Request, limits: FormLimits | None = None) -> int:
    before = descriptors()
    with pytest.raises(HTTPError) as caught:
        asked.read_form(limits=limits)
    with pytest.raises(HTTPError) as again:
        asked.form
    with pytest.raises(HTTPError):
        asked.files
    assert again.value.status == caught.value.status
    status = caught.value.status
    del caught, again
    assert descriptors() == before, "what was refused has left a file"
    return status


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Temporary files go to a folder that is empty in the end, and no descriptor is left."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    before = descriptors()
    yield folder
    assert not os.listdir(folder) and descriptors() <= before


def test_urlencoded() -> None:
    asked = post(b"a=1&b=%C3%A9&a=2", "application/x-www-form-urlencoded; charset=utf-8")
    assert asked.form.multi_items() == (("a", "1"), ("b", "é"), ("a", "2")) and not asked.files
    assert asked.body == b"a=1&b=%C3%A9&a=2"
    with pytest.raises(HTTPError, match="400 'z' is missing in the form"):
        asked.form["z"]
    assert refused(post(b"&".join([b"a=1"] * 100_000), "application/x-www-form-urlencoded")) == 413


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/mixed; boundary=x", "nonsense"])
def test_other_bodies_are_no_forms(content_type: str) -> None:
    asked = post(b"a=1", content_type)
    assert not asked.form and not asked.files and asked.body == b"a=1"
    assert not Request(head("/"), NoExchange()).form


MIXED = whole(
    part("a", b"1"),
    part("b", "é\r\n--x".encode(), "", "Content-Type: text/plain; charset=UTF-8"),
    part("c", b"\xe9", "", "Content-Type: text/plain;charset=iso-8859-1"),
    part("d", b"\xff"),
    part("a", b"2"),
    file("f", b"small"),
    file("f", b"\r\n\r" * 60_000, "Größe.bin", "image/png; x=y"),
    file("g", b"", "empty.txt"),
    file("h", b"", ""),
    file("i", b"x", ""),
    part("j", b"y", '; filename="no type"'),
)


@pytest.mark.parametrize("split", [None, 1_000_000, 1_000, 77, 2])
def test_multipart(split: int | None) -> None:
    asked = post(MIXED, split=split)
    assert asked.form.multi_items() == (("a", "1"), ("b", "é\r\n--x"), ("c", "é"), ("d", "\ufffd"), ("a", "2"))
    found = [(name, file.filename, file.content_type, file.size) for name, file in asked.files.multi_items()]
    assert found == [
        ("f", "a.txt", "text/plain", 5),
        ("f", "Größe.bin", "image/png", 180_000),
        ("g", "empty.txt", "text/plain", 0),
        ("i", "", "text/plain", 1),
        ("j", "no type", "application/octet-stream", 1),
    ]
    assert asked.files["f"].read() == b"small" and asked.files.get_all("f")[1].read() == b"\r\n\r" * 60_000
    assert asked.form is asked.form and asked.files is asked.files
    assert asked.body == (MIXED if split is None else b"")


def test_multipart_from_a_spooled_body(tmp_path: Path) -> None:
    with open(tmp_path / "body", "w+b") as spooled:
        spooled.write(MIXED)
        asked = Request(post(MIXED).head, NoExchange(), spooled)
        assert asked.form["a"] == "1" and asked.files["f"].read() == b"small"
        assert asked.body == MIXED


def test_split_at_every_byte() -> None:
    data = whole(part("a", b"\r\n--" + B[:-1].encode()), file("f", b"\r\n-\r\n"))
    for split in range(1, len(data)):
        asked = Request(post(data).head, Streaming(data, split), None)
        assert asked.form["a"].startswith("\r\n--") and asked.files["f"].read() == b"\r\n-\r\n"


def test_large_files_go_where_they_are_to_stay(tmp_path: Path) -> None:
    asked = post(whole(file("f", bytes(100_000))), split=10_000)
    asked.read_form(folder=tmp_path)
    path = asked.files["f"].save_to(tmp_path)
    assert path.stat().st_size == 100_000
    with pytest.raises(RuntimeError, match="already"):
        asked.read_form()


@pytest.mark.parametrize(
    "boundary",
    [
        "",
        "; boundary=",
        '; boundary=""',
        "; boundary=" + "b" * 71,
        '; boundary="a "',
        '; boundary="a\\\té"',
        "; boundary",
    ],
)
def test_boundaries_refused(boundary: str) -> None:
    assert refused(post(whole(), "multipart/form-data" + boundary)) == 400


@pytest.mark.parametrize("boundary", ["b" * 70, '"a b:=?"', "'()+_,-./:=?", "="])
def test_boundaries(boundary: str) -> None:
    bare = boundary.strip('"')
    data = f'--{bare}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{bare}--'.encode()
    assert post(data, f"multipart/form-data; boundary={boundary}").form["a"] == "1"


@pytest.mark.parametrize("split", [None, 50])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense",
        whole(part("a", b"1"), file("f", bytes(100_000)))[:-4],
        whole(part("a", b"1"), file("f", bytes(100_000)))[: -len(B)],
        whole(file("f", bytes(100_000)), part("a", b"1")).replace(b"\r\n\r\n1", b"\r\n1"),
        whole(file("f", bytes(100_000)), b"--" + B.encode() + b"\r\nContent-Type: text/plain\r\n\r\nx\r\n"),
        whole(file("f", bytes(100_000)), b"--" + B.encode() + b"\r\nnonsense\r\n\r\nx\r\n"),
        whole(file("f", bytes(100_000)), b"--" + B.encode() + b"\nx"),
        whole(file("f", bytes(100_000)), b"--" + B.encode() + b'\r\nContent-Disposition: attachment; name="a"\r\n\r\n'),
        whole(file("f", bytes(100_000)), b"--" + B.encode() + b"\r\nX: \xff\r\n\r\n\r\n"),
        whole(file("f", bytes(100_000)), part("a", b"x", "", *["X: y"] * 20)),
        whole(file("f", bytes(100_000)), part("a", b"x", "", "X: " + "y" * 5_000_000)),
        whole(part("a", b"x", "", "Content-Length: 2")),
        b"x--" + B.encode() + b"--",
    ],
)
def test_malformed(data: bytes, split: int | None) -> None:
    if split is not None and len(data) > 1_000_000:
        split = 4_000
    assert refused(post(data, split=split)) == 400


def test_an_empty_form_and_what_surrounds_one() -> None:
    assert not post(whole()).form
    asked = post(b"preamble\r\n" + whole(part("a", b"1")) + b"\r\nepilogue", split=20)
    assert asked.form["a"] == "1" and asked.body == b""


@pytest.mark.parametrize("split", [None, 30_000])
def test_limits(split: int | None) -> None:
    def over(limits: FormLimits | None, *parts: bytes) -> int:
        return refused(post(whole(*parts), split=split), limits)

    assert over(None, *[part("a", b"")] * 1_001) == over(None, *[part("a", b"")] * 10_000) == 413
    assert over(FormLimits(parts=1), part("a", b""), file("b", b"")) == 413
    assert over(FormLimits(text=5), part("a", b"123"), part("b", b"456")) == 413
    assert over(FormLimits(file=5), file("a", b"123456")) == 413
    assert over(FormLimits(files_on_disk=1, file_in_memory=0), file("a", b"1"), file("b", b"2")) == 413
    assert over(FormLimits(header_line=50), file("a", b"1", "x" * 50)) == 400
    assert over(None, part("a", b"1", "", "Content-Type: text/plain; charset=punycode")) == 415


def test_up_to_the_limits() -> None:
    asked = post(whole(part("a", b"123"), part("b", b"45"), file("c", b"12345")))
    asked.read_form(limits=FormLimits(parts=3, text=5, file=5))
    assert asked.files["c"].size == 5 and len(asked.form) == 2
    assert len(post(whole(*[part("a", b"")] * 1_000)).form.get_all("a")) == 1_000


def test_small_files_share_the_memory() -> None:
    asked = post(whole(*[file("f", b"12345")] * 4))
    before = descriptors()
    asked.read_form(limits=FormLimits(file_in_memory=10, in_memory=12))
    assert descriptors() == before + 2 and [one.read() for one in asked.files.get_all("f")] == [b"12345"] * 4


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ("; filename*=UTF-8''%e2%82%ac%20r.txt", "€ r.txt"),  # as urllib3 has it for what is not ASCII
        ("; FileName* = iso-8859-1'en'%E9.txt", "é.txt"),
        ("; filename*=utf-16''x", ""),
        ("; filename*=nonsense", ""),
        ("; filename=a.txt; filename*=UTF-8''b.txt", "a.txt"),
    ],
)
def test_a_file_that_is_named_as_in_other_fields(parameters: str, name: str) -> None:
    asked = post(whole(part("f", b"\xff" * 100_000, parameters), part("t", b"after")))
    assert [(field, file.filename, file.size) for field, file in asked.files.multi_items()] == [("f", name, 100_000)]
    assert asked.form.multi_items() == (("t", "after"),)


@pytest.mark.parametrize("filename", ["../../x", "/etc/x", "C:\\x", "CON", "a%00.py", "x" * 300, "\u202egpj.exe"])
def test_names_of_files(filename: str, tmp_path: Path) -> None:
    upload = post(whole(file("f", b"x", filename))).files["f"]
    assert upload.filename == filename.removeprefix("C:\\")
    assert upload.save_to(tmp_path).parent == tmp_path


def test_line_breaks_in_a_name_are_data() -> None:
    upload = post(whole(file("f", b"x", "a%0D%0AX: y%22"))).files["f"]
    assert upload.filename == 'a\r\nX: y"' and upload.safe_name == "a X_ y_"


@pytest.mark.parametrize(
    "data",
    [
        b"\r" * 8_000_000,
        b"\r\n" * 4_000_000,
        (b"\r\n--" + B[:-1].encode()) * 200_000,
        b"--" + B.encode() + b'\r\nContent-Disposition: form-data; name="' + b"\\" * 100_000 + b'"\r\n\r\n',
        whole(file("f", b"\r\n--" * 2_000_000)),
        whole(file("f", b"\r" * 8_000_000)),
    ],
)
@pytest.mark.parametrize("split", [None, 10_000])
def test_in_linear_time(data: bytes, split: int | None, patience: float) -> None:
    begun = time.perf_counter()
    try:
        post(data, split=split).form
    except HTTPError:
        pass
    assert time.perf_counter() - begun < 3 * patience


def test_a_parameter_of_backslashes_costs_nothing(patience: float) -> None:
    line = 'form-data; name="' + '\\"' * 1_900 + '"; filename="' + "\\" * 100
    data = b"--" + B.encode() + f"\r\nContent-Disposition: {line}\r\n\r\nx\r\n".encode() + f"--{B}--".encode()
    begun = time.perf_counter()
    for _ in range(20):
        post(data).form
    assert time.perf_counter() - begun < 1 * patience


def test_a_client_that_leaves_is_told_of_as_it_is() -> None:
    class Broken(Streaming):
        def body_stream(self) -> BinaryIO:
            raise OSError(errno.ECONNRESET, "gone")

    asked = Request(post(MIXED).head, Broken(b"", 1), None)
    with pytest.raises(OSError, match="gone"):
        asked.form


def test_a_full_disk_is_told_of_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="full"):
        post(MIXED).form


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "multipart", None)
    with pytest.raises(ImportError, match=r'pip install "salver\[forms\]"'):
        post(MIXED).form
    assert post(b"a=1", "application/x-www-form-urlencoded").form["a"] == "1"


VALUES = st.binary(max_size=40).map(lambda value: value.replace(b"xYz", b"-")) | st.sampled_from(
    [b"\r\n--xY", b"\r", b"\r\n", b"--", b"\r\n-"]
)


@given(st.lists(st.tuples(st.booleans(), VALUES), max_size=6), st.integers(1, 50))
def test_any_parts_in_any_pieces(parts: list[tuple[bool, bytes]], split: int) -> None:
    data = b""
    for is_file, value in parts:
        filename = b'; filename="a"' if is_file else b""
        data += b'--xYz\r\nContent-Disposition: form-data; name="n"%b\r\n\r\n%b\r\n' % (filename, value)
    asked = post(data + b"--xYz--", "multipart/form-data; boundary=xYz", split)
    assert [file.read() for file in asked.files.get_all("n")] == [value for is_file, value in parts if is_file]
    assert asked.form.get_all("n") == [value.decode("utf-8", "replace") for is_file, value in parts if not is_file]


@given(
    st.lists(
        st.binary(max_size=20)
        | st.sampled_from(
            [b"--xYz", b"\r\n", b'Content-Disposition: form-data; name="n"', b'; filename="', b"--", b"\\", b": "]
        ),
        max_size=20,
    )
)
def test_nothing_else_is_raised(pieces: list[bytes]) -> None:
    try:
        post(b"".join(pieces), "multipart/form-data; boundary=xYz").form
    except HTTPError as error:
        status = error.status
    else:
        status = 400
    assert status in (400, 413, 415)


def test_where_every_disk_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays in memory needs no disk; the rest finds none, which is no fault of the program (507)."""

    def nowhere() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", nowhere)
    assert post(whole(part("a", b"1"), file("f", b"small"))).files["f"].read() == b"small"
    with pytest.raises(OSError, match="no folder for temporary files") as caught:
        post(whole(file("f", b"x" * 100_000))).files
    assert caught.value.errno == errno.ENOSPC
    del caught

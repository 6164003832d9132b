"""`wsgi.file_wrapper`: what leaves by sendfile, what is read, and that all of it is closed."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from salver.gateway.wsgi_file import FileWrapper
from salver.response import FileSegment
from tests.gateway.wsgi_support import GET, PLAIN, Environ, bare

DATA = b"0123456789" * 1000
HEAD = GET.replace(b"GET", b"HEAD")


class Sender:
    """An application that sends what `opened` opens, and keeps it to be looked at."""

    def __init__(self, opened: Any, headers: list[tuple[str, str]] | None = None, *block: int) -> None:
        self.opened = opened
        self.headers = PLAIN if headers is None else headers
        self.block = block
        self.files: list[Any] = []

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        self.files.append(self.opened())
        start_response("200 OK", list(self.headers))
        return environ["wsgi.file_wrapper"](self.files[-1], *self.block)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "data").write_bytes(DATA)
    return tmp_path / "data"


def at(path: Path, place: int, **how: Any) -> Any:
    file = path.open("rb", **how)
    file.seek(place)
    return file


class Counting(io.BytesIO):
    """A file that is none, and counts."""

    def fileno(self) -> int:
        return 0  # it says so; it is not true


@pytest.mark.parametrize("buffering", [-1, 0])
@pytest.mark.parametrize("place", [0, 1, 5_000, len(DATA), len(DATA) + 5])
def test_from_where_the_file_stands_to_its_end(path: Path, place: int, buffering: int) -> None:
    sender = Sender(lambda: at(path, place, buffering=buffering))
    talk = bare(sender).say(GET, GET)
    left = DATA[place:]
    assert talk.statuses == [200, 200]
    assert talk.reply.count(b"Content-Length: %d\r\n\r\n%b" % (len(left), left)) == 2
    assert all(file.closed for file in sender.files)


def test_what_was_read_ahead_is_not_lost(path: Path) -> None:
    def opened() -> Any:
        file = path.open("rb")
        assert file.read(7) == DATA[:7]  # and the buffer has read far more
        return file

    assert bare(Sender(opened)).say(GET).reply.endswith(b"\r\n\r\n" + DATA[7:])


def test_no_more_than_the_content_length(path: Path) -> None:
    sender = Sender(lambda: at(path, 100), [*PLAIN, ("Content-Length", "50")])
    talk = bare(sender).say(GET, GET)
    assert talk.reply.count(b"Content-Length: 50\r\n\r\n" + DATA[100:150] + b"HTTP") == 1
    assert talk.statuses == [200, 200] and sender.files[0].closed


def test_a_file_shorter_than_the_content_length_is_an_error(path: Path) -> None:
    sender = Sender(lambda: at(path, len(DATA) - 10), [*PLAIN, ("Content-Length", "50")])
    assert bare(sender).say(GET).statuses == [500]
    assert sender.files[0].closed


@pytest.mark.parametrize("headers", [PLAIN, [*PLAIN, ("Date", "mine")], [*PLAIN, ("Content-Length", str(len(DATA)))]])
def test_head_has_the_length_and_no_body(path: Path, headers: list[tuple[str, str]]) -> None:
    sender = Sender(lambda: path.open("rb"), headers)
    talk = bare(sender).say(HEAD, HEAD)
    assert talk.reply.count(b"Content-Length: %d\r\n" % len(DATA)) == 2 and DATA[:20] not in talk.reply
    assert all(file.closed for file in sender.files)


@pytest.mark.parametrize("block", [(), (1,), (100,), (1 << 20,), (0,)])
@pytest.mark.parametrize(
    "opened",
    [
        lambda path: io.BytesIO(DATA),
        lambda path: Counting(DATA),
        lambda path: gzip.GzipFile(_zipped(path)),  # its fileno is the compressed file's
        lambda path: io.BufferedReader(_Upside(DATA)),
    ],
)
def test_what_is_no_plain_file_is_read(path: Path, opened: Any, block: tuple[int, ...]) -> None:
    if block == (1,):
        block = (999,)
    sender = Sender(lambda: opened(path), None, *block)
    wrapper = FileWrapper(opened(path), *block)
    assert wrapper.as_segment(None) is None
    wrapper.close()
    talk = bare(sender, access_log=None)
    talk.crew.may_hand_over = False
    reply = talk.say(b"GET / HTTP/1.0\r\n\r\n").reply
    assert reply.endswith(b"\r\n\r\n" + DATA) and sender.files[0].closed


def _zipped(path: Path) -> Path:
    zipped = path.with_suffix(".gz")
    zipped.write_bytes(gzip.compress(DATA))
    return zipped


class _Upside(io.RawIOBase):
    """A raw stream of somebody's own."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


def test_a_pipe_is_read() -> None:
    def opened() -> Any:
        reading, writing = os.pipe()
        os.write(writing, b"through a pipe")
        os.close(writing)
        return os.fdopen(reading, "rb")

    assert b"through a pipe" in bare(Sender(opened)).say(GET).reply


def test_what_was_written_to_a_file_is_sent(tmp_path: Path) -> None:
    def opened() -> Any:
        file = tempfile.TemporaryFile(dir=tmp_path)  # noqa: SIM115 - the server closes it
        file.write(b"not on the disk yet")
        file.seek(4)
        return file

    sender = Sender(opened)
    assert bare(sender).say(GET).reply.endswith(b"Content-Length: 15\r\n\r\non the disk yet")
    assert sender.files[0].closed


def test_a_closed_file_is_an_error_of_the_application_s(path: Path) -> None:
    def opened() -> Any:
        file = path.open("rb")
        file.close()
        return file

    assert bare(Sender(opened)).say(GET).statuses == [500]


def test_a_file_without_a_close_will_do() -> None:
    class Read:
        def __init__(self) -> None:
            self._left = [b"abc", b"def"]

        def read(self, size: int) -> bytes:
            return self._left.pop(0) if self._left else b""

    assert b"3\r\nabc\r\n3\r\ndef\r\n0\r\n" in bare(Sender(Read)).say(GET).reply


def test_a_close_of_its_own_is_called(path: Path) -> None:
    """Django puts the response's in the file's place."""
    closed: list[int] = []

    def opened() -> Any:
        file: Any = path.open("rb")
        true_close = file.close
        file.close = lambda: (closed.append(1), true_close())
        return file

    sender = Sender(opened)
    bare(sender).say(GET)
    assert closed == [1] and sender.files[0].closed


def test_the_segment_is_the_rest_of_the_file(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(10)
        segment = FileWrapper(file).as_segment(None)
        assert isinstance(segment, FileSegment)
        assert (segment.offset, segment.length) == (10, len(DATA) - 10)
        segment.close()
        assert file.closed

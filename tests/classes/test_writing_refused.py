"""What a socket takes only in part, or not at all, still leaves in order and once: over plain sockets and over TLS,
where what was refused is encrypted already and has to come again."""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from salver.classes.adapter import ClassHandler, Elsewhere
from salver.classes.http_handler import BaseHTTPRequestHandler
from salver.classes.writing import ResponseWriter
from salver.response import FileSegment
from tests.classes.running import get
from tests.classes.tower import Quiet
from tests.service.harness import Conversation, ScriptedStream

EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


class OwingStream(ScriptedStream):
    """A stream that holds its owner to the port's word: what was refused comes again before anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.owed = b""

    def send(self, data: Any, flags: int = 0) -> int:
        assert bytes(data[: len(self.owed)]) == self.owed, "something else was sent than what was refused"
        try:
            gone = super().send(data, flags)
        except BlockingIOError:
            self.owed = bytes(data)
            raise
        self.owed = bytes(data[gone:])
        return gone


def talk_to(handler_class: type, *, room: int | None, mounted: bool = False) -> Conversation:
    talk = Conversation(ClassHandler(handler_class, Elsewhere(), mounted=mounted))
    talk.stream = OwingStream()
    talk.stream.room = room
    talk.connection._stream = talk.stream  # a Stream as far as is needed
    return talk


class Hints(Quiet):
    """Says 103, perhaps fails, and answers."""

    def hint(self) -> None:
        self.send_response_only(103)
        self.send_header("Link", "</a.css>")
        self.end_headers()

    def do_GET(self) -> None:
        self.hint()
        self.respond()

    def respond(self) -> None:
        self.send_response_only(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"body")


class Fails(Hints):
    def respond(self) -> None:
        raise RuntimeError("on purpose")


class FailsBehindAHead(Hints):
    def respond(self) -> None:
        super().respond()
        raise RuntimeError("on purpose")


@pytest.mark.parametrize("mounted", [False, True])
@pytest.mark.parametrize("room", [*range(len(EARLY) + 2), None])
def test_a_head_never_overtakes_early_hints(room: int | None, mounted: bool) -> None:
    talk = talk_to(Hints, room=room, mounted=mounted)
    talk.say(get(close=False))
    talk.stream.room = None
    talk.run()
    assert talk.reply.startswith(EARLY + b"HTTP/1.1 200 OK\r\n")
    assert talk.reply.endswith(b"\r\n\r\nbody") and not talk.closed
    assert mounted or talk.reply == EARLY + WHOLE


@pytest.mark.parametrize("handler_class", [Fails, FailsBehindAHead])
@pytest.mark.parametrize("room", [*range(len(EARLY) + 2), None])
def test_behind_early_hints_alone_a_failure_is_a_500(handler_class: type, room: int | None) -> None:
    talk = talk_to(handler_class, room=room)
    talk.say(get())
    talk.stream.room = None
    talk.run()
    assert talk.reply.startswith(EARLY + b"HTTP/1.1 500 Internal Server Error\r\n")
    assert talk.reply.count(b"HTTP/1.1 ") == 2 and talk.closed and not talk.stream.was_reset


@pytest.mark.parametrize("room", range(len(WHOLE) + 1))
def test_what_was_flushed_and_refused_is_not_taken_back(room: int) -> None:
    class Flushes(Quiet):
        def do_GET(self) -> None:
            Hints.respond(self)  # type: ignore[arg-type]  # it asks for nothing that is not there
            self.wfile.flush()
            raise RuntimeError("on purpose")

    talk = talk_to(Flushes, room=room)
    talk.say(get(close=False))
    talk.stream.room = None
    talk.run()
    assert WHOLE.startswith(talk.reply) and b"500" not in talk.reply and talk.stream.was_reset


def test_a_failure_in_the_middle_counts_what_had_left_before() -> None:
    class Large(Quiet):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            self.wfile.write(b"x" * 200_000)
            talk.stream.fails_at = 1_000  # type: ignore[attr-defined]
            self.wfile.write(b"y" * 200_000)

    class Breaking(OwingStream):
        fails_at: int | None = None

        def send(self, data: Any, flags: int = 0) -> int:
            if self.fails_at is not None:
                if len(self.outbox) >= self.fails_at:
                    raise ConnectionResetError("on purpose")
                data = data[: self.fails_at - len(self.outbox)]
            return ScriptedStream.send(self, data, flags)

    talk = talk_to(Large, room=None)
    talk.stream = Breaking()
    talk.connection._stream = talk.stream
    talk.say(get())
    head = talk.reply.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert len(talk.reply) == 1_000 and talk.stream.was_reset
    assert [line[4:6] for line in talk.log.lines] == [(200, 1_000 - len(head))]


class Pushed:
    """A connection that sends the first piece and then fails."""

    runs_alone = False
    stream = None

    def push(self, pieces: deque[bytes | FileSegment], *, most_left: int | None = None) -> int:
        pieces.popleft()
        raise ConnectionResetError("on purpose")


def test_the_writer_knows_that_something_left_although_the_send_behind_it_failed() -> None:
    writer = ResponseWriter(Pushed())  # type: ignore[arg-type]
    writer.write(b"raw")
    writer.write(b"bytes")
    with pytest.raises(ConnectionResetError):
        writer.flush()
    assert writer.has_left and writer.has_failed and writer._held == 5


def test_a_client_that_goes_away_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    class Goes(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            talk.stream.failure = ConnectionResetError()
            for _ in range(10):
                self.wfile.write(b"x" * 100_000)

    talk = talk_to(Goes, room=None)
    with caplog.at_level(logging.INFO, logger="salver"):
        talk.say(get())
    assert talk.stream.was_reset and not caplog.records


def test_files_that_are_taken_back_are_closed(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 100_000)

    class Sends(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            with open(tmp_path / "large", "rb") as file:
                assert self.wfile.send_file(file)
            opened.append(self.wfile._pieces[-1].fd)
            raise RuntimeError("on purpose")

        def log_message(self, *args: Any) -> None:
            pass

    opened: list[int] = []
    talk = talk_to(Sends, room=None)
    talk.say(get())
    assert talk.statuses == [] and b" 500 " in talk.reply
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(opened[0])


def test_taking_back_and_the_overseer_exclude_each_other() -> None:
    """`on_rescue` finds the lock taken while a response is taken back, or made a value, and sends nothing."""

    class Watched(deque[bytes | FileSegment]):
        def clear(self) -> None:
            rescue = threading.Thread(target=writer.on_rescue)
            rescue.start()
            rescue.join(5)
            assert not rescue.is_alive()
            seen.append(writer._lock.locked())
            super().clear()

    seen: list[bool] = []
    for take in ("take_back", "as_response"):
        writer = ResponseWriter(None)
        talk_handler = Hints.__new__(Hints)
        talk_handler.wfile, talk_handler.request_version = writer, "HTTP/1.1"
        talk_handler.respond()
        writer._pieces = Watched(writer._pieces)
        getattr(writer, take)()
    assert seen == [True, True]

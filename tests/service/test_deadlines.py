"""What every phase of a connection is given time for."""

from __future__ import annotations

from tests.service.harness import Conversation
from tests.service.messages import GET, echo, hello


def test_a_silent_connection_is_closed_after_ten_seconds() -> None:
    talk = Conversation(hello).pass_time(9)
    assert not talk.closed
    assert talk.pass_time(2).closed and talk.reply == b""


def test_a_head_that_stops_gets_a_408_and_one_that_trickles_a_close() -> None:
    talk = Conversation(hello).pass_time(3).say(GET[:10]).pass_time(9)
    assert not talk.closed
    assert talk.pass_time(2).statuses == [408] and talk.closed
    talk = Conversation(hello)
    for byte in GET[:15]:
        talk.say(bytes([byte])).pass_time(1)
    assert talk.reply == b"" and talk.closed


def test_an_idle_connection_is_closed_after_its_time() -> None:
    talk = Conversation(hello).say(GET).pass_time(74)
    assert not talk.closed
    assert talk.pass_time(2).closed and talk.statuses == [200]


def test_a_slow_body_gets_a_408_and_a_fast_enough_one_its_time() -> None:
    message = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    talk = Conversation(echo).say(message)
    for _ in range(30):
        talk.say(b"x" * 100) if not talk.closed else None
        talk.pass_time(1)
    assert talk.statuses == [408] and talk.closed
    talk = Conversation(echo).say(message)
    for _ in range(100):
        talk.say(b"x" * 1_000).pass_time(1)
    assert talk.statuses == [200]


def test_a_reader_that_stalls_is_reset() -> None:
    talk = Conversation(hello)
    talk.stream.room = 10
    talk.say(GET).pass_time(29)
    assert not talk.closed
    talk.stream.room = 1
    talk.run()
    talk.pass_time(29)
    assert not talk.closed
    assert talk.pass_time(3).stream.was_reset


def test_a_lingering_close_ends_after_two_seconds_or_with_the_client() -> None:
    talk = Conversation(hello).say(b"bad\r\n\r\n")
    assert talk.statuses == [400] and talk.stream.write_shut and not talk.stream.closed
    assert talk.say(b"more").stream.closed is False
    assert talk.pass_time(3).stream.closed and not talk.stream.was_reset
    assert Conversation(hello).say(b"bad\r\n\r\n").end().stream.closed

"""What every phase of a connection is given time for."""

from __future__ import annotations

import pytest

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


def test_an_idle_connection_forgets_and_then_serves_as_before() -> None:
    browser = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: %b\r\n\r\n" % (b"x" * 1_000)
    talk = Conversation(hello).say(browser, browser)
    assert talk.connection._protocol._section is not None
    talk.pass_time(6)
    assert talk.connection._protocol._section is None and not talk.closed
    talk.say(browser, browser[:30]).pass_time(3).say(browser[30:]).pass_time(74)
    assert talk.statuses == [200] * 4 and not talk.closed
    assert talk.pass_time(2).closed


@pytest.mark.parametrize("idle", [0.5, 5, 6])
def test_a_short_idle_time_is_kept(idle: float) -> None:
    talk = Conversation(hello, timeout_idle=idle).say(GET)
    assert not talk.pass_time(idle - 0.5, step=0.25).closed
    assert talk.pass_time(1, step=0.25).closed


def test_a_rested_connection_has_the_time_for_a_head_from_its_first_byte() -> None:
    talk = Conversation(hello).say(GET).pass_time(70).say(GET[:9]).pass_time(9)
    assert not talk.closed
    assert talk.pass_time(2).statuses == [200, 408]


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


def test_a_slow_reader_of_a_large_send_buffer_has_time_as_long_as_it_reads() -> None:
    talk = Conversation(hello)
    talk.stream.room, talk.stream.waiting = 10, 4_000_000
    talk.say(GET)
    for _ in range(4):
        talk.pass_time(29)
        talk.stream.waiting -= 15_000
        talk.pass_time(1)
        assert not talk.closed
    talk.pass_time(29)
    talk.stream.waiting -= 14_999
    assert talk.pass_time(3).stream.was_reset

"""Asking a client that has finished sending whether it is there."""

from __future__ import annotations

import pytest

from salver.net.stream import memory_pair
from salver.protocol.server_connection import CONTINUE
from salver.service.departure import ClientWatch


def test_it_is_asked_by_an_interim_response() -> None:
    ours, theirs = memory_pair()
    watch = ClientWatch(ours, lambda: True)
    assert watch.ask() and theirs.recv(100) == CONTINUE
    assert watch.fileno() == ours.fileno()


def test_not_where_an_answer_has_begun() -> None:
    ours, theirs = memory_pair()
    assert ClientWatch(ours, lambda: False).ask()
    with pytest.raises(BlockingIOError):
        theirs.recv(100)


def test_not_where_it_might_leave_in_part() -> None:
    ours, theirs = memory_pair()
    ours.send(b"what it has not read yet")
    assert ClientWatch(ours, lambda: True).ask() and theirs.recv(100) == b"what it has not read yet"


@pytest.mark.parametrize("end", ["reset", "close"])
def test_one_that_is_gone(end: str) -> None:
    ours, theirs = memory_pair()
    getattr(theirs, end)()
    assert not ClientWatch(ours, lambda: True).ask()

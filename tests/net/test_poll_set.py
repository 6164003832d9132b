"""Members and the poll set stay one, whatever the poller says."""

from __future__ import annotations

import math
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from salver.net.poll_set import PollSet
from salver.net.poller import READ, WRITE


class Poller:
    """Notes what it is asked, and fails as it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.failures: dict[str, OSError] = {}

    def _do(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, *arguments))
        if name in self.failures:
            raise self.failures[name]

    def add(self, fd: int, mask: int, exclusive: bool = False) -> None:
        self._do("add", fd, mask, exclusive)

    def modify(self, fd: int, mask: int) -> None:
        self._do("modify", fd, mask)

    def remove(self, fd: int) -> None:
        self._do("remove", fd)


@pytest.fixture
def poller() -> Poller:
    return Poller()


@pytest.fixture
def poll_set(poller: Poller) -> PollSet:
    return PollSet(poller, threading.RLock())  # type: ignore[arg-type]


def _member(fd: int, interest: int = READ) -> Any:
    return SimpleNamespace(fd=fd, interest=interest, detached=False, deadline=math.inf)


def test_added_and_removed(poll_set: PollSet, poller: Poller) -> None:
    member = _member(7)
    poll_set.add(member, exclusive=True)
    assert poll_set.holds(member)
    poll_set.remove(member)
    poll_set.remove(member)
    assert not poll_set.holds(member)
    assert poller.calls == [("add", 7, READ, True), ("remove", 7)]


def test_what_waits_for_nothing_is_not_polled(poll_set: PollSet, poller: Poller) -> None:
    member = _member(7, 0)
    poll_set.add(member, exclusive=False)
    poll_set.detach(member)
    poll_set.restore(member)
    poll_set.remove(member)
    assert poller.calls == []


def test_what_cannot_be_watched_is_not_added(poll_set: PollSet, poller: Poller) -> None:
    poller.failures["add"] = OSError(1, "no")
    with pytest.raises(OSError, match="no"):
        poll_set.add(_member(7), exclusive=False)
    assert poll_set.members == {}


def test_a_changed_interest_reaches_the_poller_once(poll_set: PollSet, poller: Poller) -> None:
    member = _member(7)
    poll_set.add(member, exclusive=False)
    for mask in (READ, WRITE, WRITE, 0, 0, READ):
        poll_set.set_interest(member, mask)
    assert poller.calls[1:] == [("modify", 7, WRITE), ("remove", 7), ("add", 7, READ, False)]


def test_what_waited_for_nothing_is_watched_or_an_error(poll_set: PollSet, poller: Poller) -> None:
    member = _member(7, 0)
    poll_set.add(member, exclusive=False)
    poller.failures["add"] = OSError(28, "no room")
    with pytest.raises(OSError, match="no room"):
        poll_set.watch(member, READ)
    assert member.interest == 0
    poller.failures.clear()
    poll_set.watch(member, READ)
    assert member.interest == READ and poller.calls == [("add", 7, READ, False)] * 2


def test_what_is_detached_or_gone_is_not_watched_yet(poll_set: PollSet, poller: Poller) -> None:
    member = _member(7, 0)
    poll_set.add(member, exclusive=False)
    poll_set.detach(member)
    poll_set.watch(member, READ)
    assert not poller.calls
    poll_set.restore(member)
    assert poller.calls == [("add", 7, READ, False)]
    poll_set.watch(_member(7, 0), READ)
    assert len(poller.calls) == 1


def test_of_a_detached_member_it_is_only_noted(poll_set: PollSet, poller: Poller) -> None:
    member = _member(7)
    poll_set.add(member, exclusive=True)
    poll_set.detach(member)
    poll_set.detach(member)
    poll_set.set_interest(member, WRITE)
    assert poller.calls[1:] == [("remove", 7)]
    poll_set.restore(member)
    assert poller.calls[2:] == [("add", 7, WRITE, True)]


def test_a_detached_member_is_removed_without_asking_the_poller(poll_set: PollSet, poller: Poller) -> None:
    member = _member(7)
    poll_set.add(member, exclusive=False)
    poll_set.detach(member)
    poll_set.remove(member)
    poll_set.restore(member)
    assert poller.calls == [("add", 7, READ, False), ("remove", 7)]


def test_the_number_of_another_member_is_not_touched(poll_set: PollSet, poller: Poller) -> None:
    """Closed, and its number reused, before somebody was done with the old one."""
    old, new = _member(7), _member(7)
    poll_set.add(old, exclusive=False)
    poll_set.remove(old)
    poll_set.add(new, exclusive=False)
    del poller.calls[:]
    poll_set.remove(old)
    poll_set.set_interest(old, WRITE)
    poll_set.detach(old)
    poll_set.restore(old)
    poll_set.forget_stray(7)
    assert poller.calls == []
    assert poll_set.holds(new)


def test_a_stray_is_taken_out(poll_set: PollSet, poller: Poller) -> None:
    poll_set.forget_stray(9)
    assert poller.calls == [("remove", 9)]


def test_a_poller_that_knows_better_is_followed(poll_set: PollSet, poller: Poller) -> None:
    member = _member(7)
    poll_set.add(member, exclusive=False)
    poll_set.detach(member)
    poller.failures["add"] = FileExistsError(17, "there already")
    poll_set.restore(member)
    assert poller.calls[-1] == ("modify", 7, READ)


@pytest.mark.parametrize("name", ["add", "modify", "remove"])
def test_a_descriptor_closed_behind_its_back_is_an_error_of_nobody(
    poll_set: PollSet, poller: Poller, name: str
) -> None:
    member = _member(7)
    poll_set.add(member, exclusive=False)
    poller.failures[name] = OSError(9, "Bad file descriptor")
    poll_set.set_interest(member, WRITE)
    poll_set.detach(member)
    poll_set.restore(member)
    poll_set.remove(member)
    assert poll_set.members == {}

"""Both pollers behave alike; what each has of its own."""

from __future__ import annotations

import errno
import os
import select
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from salver.net.poller import READ, WRITE, EpollPoller, Poller, SelectorsPoller, make_poller

KINDS: dict[str, Callable[[], Poller]] = {
    "selectors": lambda: make_poller("selectors"),
    "select": lambda: SelectorsPoller(selectors.SelectSelector()),
}
if hasattr(select, "epoll"):
    KINDS["epoll"] = lambda: make_poller("epoll")
if hasattr(selectors, "PollSelector"):
    KINDS["poll"] = lambda: SelectorsPoller(selectors.PollSelector())

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=sorted(KINDS))
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    made = KINDS[request.param]()
    yield made
    made.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_nothing_ready_is_an_empty_list(poller: Poller, pair: Pair) -> None:
    poller.add(pair[0].fileno(), READ)
    before = time.monotonic()
    assert poller.poll(0.05) == []
    assert time.monotonic() - before >= 0.04
    assert poller.poll(0) == []


def test_what_arrives_is_reported_until_it_is_read(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    poller.add(fd, READ)
    pair[1].send(b"x")
    assert poller.poll(1) == [(fd, READ)]
    assert poller.poll(1) == [(fd, READ)]
    pair[0].recv(10)
    assert poller.poll(0) == []


def test_what_can_be_written_to_is_reported(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    poller.add(fd, WRITE)
    assert poller.poll(1) == [(fd, WRITE)]


def test_interest_can_be_changed(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    pair[1].send(b"x")
    poller.add(fd, WRITE)
    poller.modify(fd, READ | WRITE)
    assert poller.poll(1) == [(fd, READ | WRITE)]
    poller.modify(fd, READ)
    assert poller.poll(1) == [(fd, READ)]


def test_what_is_removed_is_not_reported_and_can_be_added_again(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    poller.add(fd, READ)
    pair[1].send(b"x")
    poller.remove(fd)
    assert poller.poll(0) == []
    poller.add(fd, READ)
    assert poller.poll(1) == [(fd, READ)]


def test_the_end_of_the_peer_is_readable(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    poller.add(fd, READ)
    pair[1].close()
    [(found, mask)] = poller.poll(1)
    assert found == fd
    assert mask & READ
    assert not mask & ~(READ | WRITE)


def test_an_error_reaches_whoever_waits_to_write(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    while True:
        try:
            pair[0].send(b"x" * 65536)
        except BlockingIOError:
            break
    poller.add(fd, WRITE)
    assert poller.poll(0) == []
    pair[1].close()
    [(found, mask)] = poller.poll(1)
    assert found == fd
    assert mask & WRITE


def test_errors_of_use_are_os_errors(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    with pytest.raises(FileNotFoundError):
        poller.remove(fd)
    with pytest.raises(FileNotFoundError):
        poller.modify(fd, READ)
    poller.add(fd, READ)
    with pytest.raises(FileExistsError):
        poller.add(fd, WRITE)
    for call in (lambda: poller.add(-1, READ), lambda: poller.modify(-1, READ), lambda: poller.remove(-1)):
        with pytest.raises(OSError):
            call()


def test_a_descriptor_closed_while_watched_does_no_harm(poller: Poller, pair: Pair) -> None:
    ours, theirs = socket.socketpair()
    closed = ours.fileno()
    poller.add(closed, READ)
    poller.add(pair[0].fileno(), READ)
    ours.close()
    theirs.close()
    pair[1].send(b"x")
    deadline = time.monotonic() + 2
    found: list[int] = []
    while pair[0].fileno() not in found and time.monotonic() < deadline:
        found = [fd for fd, _ in poller.poll(0.1)]
    assert pair[0].fileno() in found
    try:
        poller.remove(closed)
    except OSError:
        pass  # epoll and select have forgotten it


def test_wake_before_polling_is_not_lost_and_used_up(poller: Poller) -> None:
    poller.wake()
    poller.wake()
    before = time.monotonic()
    assert poller.poll(5) == []
    assert time.monotonic() - before < 4
    before = time.monotonic()
    assert poller.poll(0.05) == []
    assert time.monotonic() - before >= 0.04


def test_wake_from_another_thread(poller: Poller) -> None:
    timer = threading.Timer(0.05, poller.wake)
    timer.start()
    before = time.monotonic()
    assert poller.poll(5) == []
    assert time.monotonic() - before < 4
    timer.join()


def test_wake_beside_events_hides_none(poller: Poller, pair: Pair) -> None:
    poller.add(pair[0].fileno(), READ)
    pair[1].send(b"x")
    poller.wake()
    assert poller.poll(1) == [(pair[0].fileno(), READ)]


def test_many_wakes_from_many_threads_leave_it_quiet(poller: Poller) -> None:
    def ring() -> None:
        for _ in range(300):
            poller.wake()

    threads = [threading.Thread(target=ring) for _ in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert poller.poll(0.01) == []
    for thread in threads:
        thread.join()
    poller.poll(0.01)
    before = time.monotonic()
    assert poller.poll(0.05) == []
    assert time.monotonic() - before >= 0.04


def test_what_another_thread_adds_is_seen_by_the_poll_under_way(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    pair[1].send(b"x")
    timer = threading.Timer(0.05, lambda: poller.add(fd, READ))
    timer.start()
    deadline = time.monotonic() + 5
    events: list[tuple[int, int]] = []
    while not events and time.monotonic() < deadline:  # it may return empty once, to look at the new set
        events = poller.poll(5)
    assert events == [(fd, READ)]
    timer.join()


def test_no_timeout_means_until_something_happens(poller: Poller, pair: Pair) -> None:
    fd = pair[0].fileno()
    poller.add(fd, READ)
    timer = threading.Timer(0.05, lambda: pair[1].send(b"x"))
    timer.start()
    assert poller.poll(None) == [(fd, READ)]
    timer.join()


def test_closing_gives_the_descriptors_back_and_may_be_repeated(poller: Poller, pair: Pair) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    other = KINDS["selectors"]()
    other.add(pair[0].fileno(), READ)
    other.close()
    other.close()
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
    poller.close()
    poller.wake()  # by somebody who does not know yet
    for call in (
        lambda: poller.add(pair[0].fileno(), READ),
        lambda: poller.modify(pair[0].fileno(), READ),
        lambda: poller.remove(pair[0].fileno()),
    ):
        with pytest.raises(OSError):
            call()


@pytest.mark.skipif("epoll" not in KINDS, reason="needs epoll")
def test_epoll_is_chosen_where_it_is() -> None:
    poller = make_poller()
    assert isinstance(poller, EpollPoller)
    poller.close()


def test_selectors_are_chosen_where_epoll_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    selector = selectors.PollSelector
    monkeypatch.delattr(select, "epoll", raising=False)
    monkeypatch.setattr(selectors, "DefaultSelector", selector)
    poller = make_poller()
    assert isinstance(poller, SelectorsPoller)
    poller.close()
    with pytest.raises(ValueError, match="no poller"):
        make_poller("epoll")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kqueue"):
        make_poller("kqueue")


def test_without_eventfd_a_pipe_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "eventfd", raising=False)
    poller = make_poller("selectors")
    for _ in range(70_000):  # more than a pipe holds
        poller.wake()
    for _ in range(20):
        poller.poll(0)
    before = time.monotonic()
    assert poller.poll(0.05) == []
    assert time.monotonic() - before >= 0.04
    poller.close()


@pytest.mark.skipif("epoll" not in KINDS, reason="needs epoll")
def test_of_two_pollers_one_is_woken_for_an_exclusive_descriptor() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    pollers = [EpollPoller(), EpollPoller()]
    woken: list[int] = []
    for poller in pollers:
        poller.add(listening.fileno(), READ, exclusive=True)

    def wait(index: int) -> None:
        if pollers[index].poll(0.5):
            woken.append(index)

    threads = [threading.Thread(target=wait, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    client = socket.create_connection(listening.getsockname())
    for thread in threads:
        thread.join()
    assert len(woken) == 1
    client.close()
    for poller in pollers:
        poller.close()
    listening.close()


@pytest.mark.skipif("epoll" not in KINDS, reason="needs epoll")
def test_an_exclusive_descriptor_can_be_paused() -> None:
    """epoll refuses to modify one."""
    listening = socket.create_server(("127.0.0.1", 0))
    poller = EpollPoller()
    poller.add(listening.fileno(), READ, exclusive=True)
    poller.modify(listening.fileno(), READ)
    client = socket.create_connection(listening.getsockname())
    assert poller.poll(1) == [(listening.fileno(), READ)]
    poller.remove(listening.fileno())
    with pytest.raises(FileNotFoundError):
        poller.modify(listening.fileno(), READ)
    assert poller.poll(0) == []
    client.close()
    listening.close()
    poller.close()


def test_a_batch_is_bounded_and_the_rest_follows() -> None:
    pairs = [socket.socketpair() for _ in range(300)]
    poller = make_poller()
    for ours, theirs in pairs:
        poller.add(ours.fileno(), READ)
        theirs.send(b"x")
    seen: set[int] = set()
    for _ in range(10):
        for fd, _ in poller.poll(0):
            seen.add(fd)
    assert seen == {ours.fileno() for ours, _ in pairs}
    poller.close()
    for ours, theirs in pairs:
        ours.close()
        theirs.close()


def test_a_regular_file_cannot_be_watched_by_epoll(tmp_path: object) -> None:
    if "epoll" not in KINDS:
        pytest.skip("needs epoll")
    poller = EpollPoller()
    with open(os.devnull if not tmp_path else f"{tmp_path}/file", "wb") as file, pytest.raises(OSError) as caught:
        poller.add(file.fileno(), READ)
    assert caught.value.errno == errno.EPERM
    poller.close()

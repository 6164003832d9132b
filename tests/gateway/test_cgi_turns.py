"""Who makes way for whom before a script is started."""

from __future__ import annotations

from salver.gateway.cgi_turns import _MOST_LATE, Turns


def start_and_end(turns: Turns, path: str, *, ended: bool) -> None:
    run = object()
    turns.began(run)
    turns.grown(run, path, ended=ended)


def test_one_client_after_itself_does_not() -> None:
    turns = Turns(cores=8)
    turns.make_way("a", "/x")
    assert [turns.make_way("a", "/x") for _ in range(3)] == [False] * 3


def test_clients_that_alternate_do_while_there_are_cores() -> None:
    turns, runs = Turns(cores=3), [object(), object()]
    assert turns.make_way("a", "/x")
    turns.began(runs[0])
    assert turns.make_way("b", "/x")
    turns.began(runs[1])
    assert not turns.make_way("c", "/x")
    turns.grown(runs[0], "/x", ended=True)
    assert turns.make_way("d", "/x")


def test_one_core_is_shared_by_nobody() -> None:
    turns = Turns(cores=1)
    assert not turns.make_way("a", "/x")
    assert not turns.make_way("b", "/x")


def test_what_was_slow_does_until_it_is_not() -> None:
    turns = Turns(cores=1)
    start_and_end(turns, "/slow", ended=False)
    assert not turns.make_way("a", "/slow")  # once is nothing
    start_and_end(turns, "/slow", ended=False)
    assert turns.make_way("a", "/slow")
    assert not turns.make_way("a", "/x")
    start_and_end(turns, "/slow", ended=True)
    assert not turns.make_way("a", "/slow")


def test_what_is_remembered_is_bounded() -> None:
    turns = Turns(cores=1)
    for number in range(_MOST_LATE + 1):
        start_and_end(turns, f"/{number}", ended=False)
        start_and_end(turns, f"/{number}", ended=False)
    assert turns.make_way("a", f"/{_MOST_LATE}")
    assert not turns.make_way("a", "/0")


def test_the_cores_of_this_process_count() -> None:
    turns = Turns()
    for _ in range(1_000):
        turns.began(object())
    assert not turns.make_way("a", "/x")

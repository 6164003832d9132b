"""What connections share: the ready lines, the counts, room for acceptors, the word that the last one has gone."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from salver.service.context import Context
from salver.service.settings import Settings
from tests.service.harness import LoggedRequests, ScriptedCrew
from tests.service.messages import hello
from tests.test_request import request


class Member:
    fd = 9


def context(log: Any = None, **settings: Any) -> tuple[Context, ScriptedCrew]:
    crew = ScriptedCrew()
    return Context(hello, Settings.of(**settings), crew, log), crew  # type: ignore[arg-type]


def test_the_ready_lines_are_rendered_at_the_turn_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, crew = context()
    monkeypatch.setattr(time, "time", lambda: 784_111_777.75)
    shared.refresh(crew.now)
    assert shared.ready == b"Server: Salver\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    assert shared.ready_until == crew.now + 0.25


def test_without_a_name_there_is_no_server_line() -> None:
    shared, crew = context(server_name="")
    shared.refresh(crew.now)
    assert shared.ready.startswith(b"Date: ") and shared.ready.count(b"\r\n") == 1


def test_the_log_is_told_of_each_second() -> None:
    ticks: list[int] = []

    class Log(LoggedRequests):
        def tick(self) -> None:
            ticks.append(1)

    shared, crew = context(Log())
    shared.refresh(crew.now)
    shared.refresh(crew.now)
    assert len(ticks) == 2


def test_connections_are_counted_by_their_address_and_forgotten_at_none() -> None:
    shared, _ = context()
    shared.count("a", 1)
    shared.count("a", 1)
    shared.count("b", 1)
    shared.count("a", -1)
    assert shared.per_address == {"a": 1, "b": 1}
    shared.count("a", -1)
    shared.count("never", -1)
    assert shared.per_address == {"b": 1}


def test_threads_do_not_lose_each_others_counts() -> None:
    shared, _ = context()

    def open_and_close() -> None:
        for _ in range(2_000):
            shared.count("a", 1)
            shared.count("a", -1)

    threads = [threading.Thread(target=open_and_close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.per_address == {}


def test_whoever_paused_goes_on_when_one_has_gone() -> None:
    shared, crew = context()
    resumed: list[int] = []
    shared.paused.append(lambda: resumed.append(1))
    crew.members[9] = member = Member()
    shared.count("a", 1)
    shared.forget(member, "a")  # type: ignore[arg-type]
    assert not resumed and not crew.members and not shared.per_address
    crew.soon.pop()()
    assert resumed == [1] and not shared.paused


def test_the_last_one_to_go_is_told_of_while_the_server_stops() -> None:
    shared, crew = context()
    first, second = Member(), Member()
    crew.members.update({8: first, 9: second})
    shared.forget(second, "a")  # type: ignore[arg-type]
    shared.note_if_empty()
    assert not shared.emptied.is_set()
    shared.closing = True
    shared.note_if_empty()
    assert not shared.emptied.is_set()
    crew.members.clear()
    shared.note_if_empty()
    assert shared.emptied.is_set()


def test_a_failure_is_told_to_the_log_and_not_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    shared, _ = context()
    response = shared.failed(request("/x?token=abc"), RuntimeError("secret"))
    assert response.status == 500 and b"secret" not in bytes(response.body)  # type: ignore[arg-type]
    assert "secret" in caplog.text and "handler failed on GET '/x?***'" in caplog.text

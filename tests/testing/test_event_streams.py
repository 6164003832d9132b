"""Event streams through the test client: pauses pass, events of other threads arrive, and leaving ends them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from salver.events import Broadcast, Pause
from salver.request import Request
from salver.response import Response
from salver.testing import TestClient


def test_a_generator_with_pauses():
    def clock() -> Iterator[str | Pause]:
        for number in range(3):
            yield str(number)
            yield Pause(0.03)

    began = time.monotonic()
    with TestClient(lambda request: Response.event_stream(clock())) as client:
        assert client.get("/").text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    assert 0.08 < time.monotonic() - began < 30


def test_a_broadcast_of_this_thread_and_of_another():
    events = Broadcast()

    def handler(request: Request) -> Response:
        return Response.event_stream(events)

    with TestClient(handler) as client:
        with client.stream("GET", "/") as response:
            lines = response.iter_lines()
            events.publish("mine")
            assert next(lines) == "data: mine"
            thread = threading.Timer(0.05, lambda: events.publish("another's"))
            thread.start()
            assert [next(lines), next(lines)] == ["", "data: another's"]
            thread.join()
            assert len(events) == 1
        assert len(events) == 0

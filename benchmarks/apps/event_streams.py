"""Event streams: `python event_streams.py PORT`.

/broadcast is told an event a second by one publisher; /clock makes its own. /listening says how many listen.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Iterator

from salver import Request, Response, serve
from salver.events import Broadcast, Event, Pause


class Streams:
    """The handler. Thread-safe."""

    def __init__(self) -> None:
        self.events = Broadcast()
        self._clocks: set[int] = set()

    def __call__(self, request: Request) -> Response | str:
        if request.target == "/broadcast":
            return Response.event_stream(self.events)
        if request.target == "/clock":
            return Response.event_stream(self._clock(id(request)))
        return str(len(self.events) + len(self._clocks))

    def _clock(self, number: int) -> Iterator[Event | Pause]:
        self._clocks.add(number)
        try:
            for tick in itertools.count():
                yield Event({"tick": tick, "at": time.time()}, event="tick")
                yield Pause(1.0)
        finally:
            self._clocks.discard(number)

    def publish(self) -> None:
        """An event a second, for ever."""
        for tick in itertools.count():
            self.events.publish({"tick": tick, "at": time.time()}, event="tick")
            time.sleep(1.0)


if __name__ == "__main__":
    streams = Streams()
    threading.Thread(target=streams.publish, daemon=True).start()
    serve(streams, bind=f"127.0.0.1:{sys.argv[1]}", access_log=None)

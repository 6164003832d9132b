"""Server-sent events (the WHATWG's `text/event-stream`): one event as bytes, and the streams of them as bodies.

A stream is a `WaitingBody`, so that between two events a client costs memory alone, no thread and no turn of the loop.
There are three sources: a generator, which says itself how long it waits (`Pause`); a `Channel`, into which any thread
puts events for one client; a `Broadcast`, into which it puts them for all. When nothing has been sent for a while, a
comment is (a *heartbeat*), so that proxies keep the connection and a client that vanished without a word is found.

A client that reads more slowly than events come loses the oldest of those that wait, and the server's memory stays
bounded. The rejected ways: to stop everybody for one; to break the connection, which makes the client come back and
ask for more than it could take before.

This file knows no server and no socket.
"""

from __future__ import annotations

import math
import os
import re
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, Union

from salver.response import HeadersLike, Response, WaitingBody

_LINE_END = re.compile("\r\n|\r|\n")  # all that end a line of an event stream, and no other (str.splitlines knows more)
_HEARTBEAT = b":\n\n"
_AT_ONCE = 64 * 1024  # bytes of events that leave in one piece


@dataclass(frozen=True, slots=True)
class Event:
    """One event. Immutable.

    `data`: text, of as many lines as one likes, or anything that JSON has; None sends the other fields alone. `event`:
    its type, to which a page listens ("message" where there is none). `id`: what the client says (Last-Event-ID) when
    it comes back. `retry`: seconds after which it does. Raises ValueError for a line break in `event` or `id`, for a
    NUL in `id`, and for a `retry` below zero; TypeError for an `event` or `id` that is no str.
    """

    data: Any = None
    event: str | None = None
    id: str | None = None
    retry: float | None = None

    def __post_init__(self) -> None:
        for name, value, refused in (("event", self.event, "\r\n"), ("id", self.id, "\r\n\0")):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"an event's {name} is a str, not {value!r}")
            if value is not None and any(character in value for character in refused):
                raise ValueError(f"an event's {name} has no line break and no NUL in it: {value!r}")
        if self.retry is not None and not 0 <= self.retry < math.inf:
            raise ValueError(f"retry is a number of seconds, not {self.retry!r}")

    def encode(self) -> bytes:
        """Its bytes in a stream. Raises TypeError and ValueError where `data` is nothing that JSON has."""
        lines = []
        if self.id is not None:
            lines.append(f"id: {self.id}\n")
        if self.event is not None:
            lines.append(f"event: {self.event}\n")
        if self.retry is not None:
            lines.append(f"retry: {round(self.retry * 1_000)}\n")
        if self.data is not None:
            lines += [f"data: {line}\n" for line in _LINE_END.split(_text(self.data))]
        return ("".join(lines) + "\n").encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Pause:
    """What a generator yields to wait, without a thread: its next event comes in so many seconds. Raises ValueError for
    what is no time."""

    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.seconds < math.inf:
            raise ValueError(f"a pause is a number of seconds, not {self.seconds!r}")


Sendable = Union[str, dict[str, Any], list[Any], Event, Pause]


def _text(data: Any) -> str:
    if isinstance(data, str):
        return data
    from salver.semantics.json_text import encode_json

    return encode_json(data).decode()


def _event_of(data: Any, event: str | None, id_: str | None, retry: float | None) -> Event:
    if not isinstance(data, Event):
        return Event(data, event, id_, retry)
    if event is not None or id_ is not None or retry is not None:
        raise TypeError("an Event brings its own fields: give nothing beside it")
    return data


class _Stream(WaitingBody):
    """What the streams have in common: the heartbeat."""

    __slots__ = ("_last", "heartbeat", "wait")

    def __init__(self) -> None:
        self.heartbeat = math.inf  # seconds without an event; set before the first look
        self._last = monotonic()
        self.wait = math.inf

    def _quiet(self, until: float = math.inf) -> bytes | None:
        """There is nothing to send, perhaps until a moment that is known."""
        now = monotonic()
        if now - self._last >= self.heartbeat:
            self._last = now
            return _HEARTBEAT
        self.wait = min(until - now, self._last + self.heartbeat - now)
        return None


class Generated(_Stream):
    """A stream from a generator of events and pauses."""

    __slots__ = ("_resume", "_source")

    def __init__(self, source: Iterable[Sendable]) -> None:
        super().__init__()
        self._source = iter(source)
        self._resume = 0.0  # when its pause is over

    def __next__(self) -> bytes | None:
        """See `WaitingBody`. Raises TypeError for what is no event, and whatever the generator raises."""
        if monotonic() < self._resume:
            return self._quiet(self._resume)
        item = next(self._source)
        if isinstance(item, Pause):
            self._resume = monotonic() + item.seconds
            return self._quiet(self._resume)
        if not isinstance(item, (str, dict, list, Event)):
            raise TypeError(f"an event stream is made of str, dict, list, Event and Pause, not {item!r}")
        encoded = _event_of(item, None, None, None).encode()
        self._last = monotonic()
        return encoded

    def close(self) -> None:
        """The generator's `finally` runs."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


class Channel(_Stream):
    """Events for one client, from any thread. Thread-safe; the body of one response."""

    __slots__ = ("__weakref__", "_closed", "_ended", "_taken", "_waiting", "_wake", "lost")

    def __init__(self, backlog: int = 100) -> None:
        """`backlog`: how many events may wait for a client that reads slowly; past it, the oldest is `lost`."""
        super().__init__()
        self._waiting: deque[bytes] = deque(maxlen=max(1, backlog))
        self._wake: Callable[[], None] | None = None
        self._ended = self._closed = self._taken = False
        self.lost = 0  # about how many events its client never saw, because it read too slowly

    @property
    def closed(self) -> bool:
        """The client has gone, or `end` was called and all that came before has been sent."""
        return self._closed

    def send(
        self,
        data: Any = None,
        *,
        event: str | None = None,
        id: str | None = None,  # noqa: A002 - the field's name
        retry: float | None = None,
    ) -> bool:
        """Send an event: an `Event`, or its fields. Does not wait. False where nobody is there any more to read it.

        Raises ValueError and TypeError as `Event` and its `encode` do.
        """
        return self.put(_event_of(data, event, id, retry).encode())

    def put(self, encoded: bytes) -> bool:
        """As `send`, of an event's bytes."""
        if self._closed or self._ended:
            return False
        waiting = self._waiting
        if len(waiting) == waiting.maxlen:
            self.lost += 1
        waiting.append(encoded)
        self._call()
        return True

    def end(self) -> None:
        """No more events come: the response ends behind those that wait. The client comes back, as event streams do,
        unless its next request is answered with 204."""
        self._ended = True
        self._call()

    def _call(self) -> None:
        wake = self._wake
        if wake is not None:
            wake()

    # For the server

    def taken(self) -> Channel:
        """Itself, for its response. Raises ValueError the second time: each event goes to one client."""
        if self._taken:
            raise ValueError("a Channel is for one response; for several, there is Broadcast")
        self._taken = True
        return self

    def attach(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def __next__(self) -> bytes | None:
        """See `WaitingBody`."""
        ended = self._ended  # before the look: what was sent until then is found
        pieces, size = [], 0
        while size < _AT_ONCE:
            try:
                pieces.append(self._waiting.popleft())
            except IndexError:
                break
            size += len(pieces[-1])
        if pieces:
            self._last = monotonic()
            return b"".join(pieces)
        if ended:
            raise StopIteration
        return self._quiet()

    def close(self) -> None:
        """See `WaitingBody`: events for it are dropped from here on."""
        self._closed = True
        self._wake = None
        self._waiting.clear()


class Broadcast:
    """Events for every client that listens. Thread-safe; of one process: with several workers, each has its own.

    With a `history`, every event has an id, and who comes back with the id of the last one that it saw is sent what it
    missed.
    """

    def __init__(self, *, history: int = 0, backlog: int = 100) -> None:
        """`history`: how many events are kept for those who come back. `backlog`: see `Channel`."""
        self._backlog = backlog
        self._kept: deque[tuple[str, bytes]] = deque(maxlen=max(0, history))
        self._channels: weakref.WeakSet[Channel] = weakref.WeakSet()  # one that was never sent goes by itself
        self._lock = threading.Lock()
        self._ended = False
        self._epoch = os.urandom(4).hex()  # so that an id of another process, or of the last one, is no id of ours
        self._count = 0

    def __len__(self) -> int:
        """How many clients listen."""
        with self._lock:
            return sum(not channel.closed for channel in list(self._channels))

    def publish(
        self,
        data: Any = None,
        *,
        event: str | None = None,
        id: str | None = None,  # noqa: A002 - the field's name
        retry: float | None = None,
    ) -> int:
        """Send an event, an `Event` or its fields, to all who listen; how many those are. Does not wait for them.

        Raises ValueError and TypeError as `Event` and its `encode` do.
        """
        made = _event_of(data, event, id, retry)
        with self._lock:  # all see events in the same order
            encoded = self._keep(made) if self._kept.maxlen else made.encode()
            channels = list(self._channels)
            gone = [channel for channel in channels if not channel.put(encoded)]
            self._channels.difference_update(gone)
        return len(channels) - len(gone)

    def _keep(self, event: Event) -> bytes:
        if event.id is None:
            self._count += 1
            event = replace(event, id=f"{self._epoch}-{self._count}")
        encoded = event.encode()
        self._kept.append((event.id or "", encoded))
        return encoded

    def subscribe(self, last_event_id: str | None = None) -> Channel:
        """A channel that is sent what is published from now on, and first what came behind the event `last_event_id`:
        all that is kept, where that is not known (any more). For one response."""
        channel = Channel(self._backlog)
        with self._lock:
            missed = self._missed(last_event_id)
            if missed:
                channel.put(missed)
            if self._ended:
                channel.end()
            self._channels.add(channel)
        return channel

    def _missed(self, last_event_id: str | None) -> bytes:
        if not last_event_id:
            return b""
        kept = list(self._kept)
        known = [number for number, (id_, _) in enumerate(kept) if id_ == last_event_id]
        return b"".join(encoded for _, encoded in kept[known[-1] + 1 if known else 0 :])

    def end(self) -> None:
        """No more events come: see `Channel.end`. Who subscribes later has a stream that ends at once."""
        with self._lock:
            self._ended = True
            for channel in list(self._channels):
                channel.end()


def event_stream(
    source: Iterable[Sendable] | Channel | Broadcast,
    *,
    heartbeat: float | None = 15.0,
    last_event_id: str | None = None,
    headers: HeadersLike | None = None,
) -> Response:
    """The response that streams events, for as long as the client listens.

    `source`: a `Channel`, a `Broadcast`, or an iterable (a generator, mostly) of str, dict, list, `Event` and `Pause`.
    A generator that blocks (`time.sleep`, a queue) does so in a thread that this client then keeps; one that yields
    `Pause` keeps none. Its `finally` runs when the client goes. `heartbeat`: seconds without an event after which a
    comment is sent, None for never. `last_event_id`: for a `Broadcast` with a history, what the client's field
    Last-Event-ID says. Raises TypeError for another source, ValueError for a heartbeat that is no time.
    """
    if heartbeat is not None and not heartbeat > 0:
        raise ValueError(f"heartbeat is a number of seconds, or None, not {heartbeat!r}")
    body = _stream_of(source, last_event_id)
    body.heartbeat = math.inf if heartbeat is None else heartbeat
    response = Response(body, 200, headers, content_type="text/event-stream")
    for name, value in (("Cache-Control", "no-cache"), ("X-Accel-Buffering", "no")):  # nginx would gather it otherwise
        if name not in response.headers:
            response.headers[name] = value
    return response


def _stream_of(source: object, last_event_id: str | None) -> Channel | Generated:
    if isinstance(source, Channel):
        return source.taken()
    if isinstance(source, Broadcast):
        return source.subscribe(last_event_id)
    if isinstance(source, Iterable) and not isinstance(source, (str, bytes, dict)):
        return Generated(source)
    raise TypeError(f"an event stream comes from an iterable, a Channel or a Broadcast, not {type(source).__name__}")

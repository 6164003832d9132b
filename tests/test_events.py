"""Server-sent events: an event's bytes, and the streams that give them."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import salver.events
from salver.events import Broadcast, Channel, Event, Pause, Sendable, event_stream
from salver.response import Response


def parse(stream: bytes, last_event_id: str = "") -> list[tuple[str, str, str]]:
    """(type, data, last id) of each event dispatched, as HTML §9.2.6 interprets a stream."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    events, data, kind = [], "", ""
    for line in text.split("\n"):
        if not line:
            if data:
                events.append((kind or "message", data.removesuffix("\n"), last_event_id))
            data = kind = ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data += value + "\n"
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last_event_id = value
    return events


def everything(response: Response) -> list[bytes | None]:
    """What the body gives until it ends, or has nothing now."""
    given = []
    for piece in response.body:  # type: ignore[union-attr]  # it can be iterated over
        given.append(piece)
        if piece is None:
            break
    return given  # type: ignore[return-value]


class Clock:
    """The time that streams see."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(salver.events, "monotonic", clock)
    return clock


# Bytes


@pytest.mark.parametrize(
    ("event", "encoded"),
    [
        (Event("x"), b"data: x\n\n"),
        (Event(""), b"data: \n\n"),
        (Event("a\nb\r\nc\rd\n"), b"data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"),
        (Event(" a\x0bb\x85\u2028"), " data:  a\x0bb\x85\u2028\n\n".encode()[1:]),
        (Event("x\0y"), b"data: x\0y\n\n"),
        (Event("\ud800"), b"data: ?\n\n"),
        (Event({"a": "1\n2", "b": None}), b'data: {"a":"1\\n2","b":null}\n\n'),
        (Event([1, True]), b"data: [1,true]\n\n"),
        (Event(7), b"data: 7\n\n"),
        (Event("x", "tick", "9", 2.5), b"id: 9\nevent: tick\nretry: 2500\ndata: x\n\n"),
        (Event(id=""), b"id: \n\n"),
        (Event(retry=0), b"retry: 0\n\n"),
    ],
)
def test_an_event_as_bytes(event: Event, encoded: bytes) -> None:
    assert event.encode() == encoded


names = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]))


@given(st.text(st.characters(exclude_categories=["Cs"])), st.none() | names, st.none() | names)
def test_what_is_sent_is_what_a_client_sees(data: str, event: str | None, id_: str | None) -> None:
    before = Event("first", id="1").encode()
    seen = parse(before + Event(data, event, id_).encode())
    lines = data.replace("\r\n", "\n").replace("\r", "\n")
    assert seen == [("message", "first", "1"), (event or "message", lines, "1" if id_ is None else id_)]


@pytest.mark.parametrize("text", ["a\nb", "a\rdata: x", "\n", "a\r\n\r\ndata: b"])
def test_no_event_is_injected_into_a_field(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Event("x", event=text)
    with pytest.raises(ValueError, match="line break"):
        Event("x", id=text)
    with pytest.raises(ValueError, match="NUL"):
        Event("x", id="a\0")


def test_an_id_that_is_a_number_is_told_what_it_has_to_be() -> None:
    with pytest.raises(TypeError, match="an event's id is a str, not 5"):
        Event("x", id=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="an event's event is a str, not b'x'"):
        Broadcast().publish("x", event=b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_time_is_one(seconds: float) -> None:
    with pytest.raises(ValueError, match="seconds"):
        Event(retry=seconds)
    with pytest.raises(ValueError, match="seconds"):
        Pause(seconds)


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes"])
def test_data_is_what_json_has(value: Any) -> None:
    with pytest.raises(TypeError):
        Event(value).encode()


# Generators


def test_a_generator_of_all_that_it_may_give() -> None:
    given: list[Sendable] = ["a", {"b": 1}, [2], Event("c", id="3")]
    response = Response.event_stream(iter(given))
    assert everything(response) == [b"data: a\n\n", b'data: {"b":1}\n\n', b"data: [2]\n\n", b"id: 3\ndata: c\n\n"]
    assert response.headers["Content-Type"] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.body_length is None


def test_fields_of_ones_own_stay() -> None:
    response = event_stream([], headers={"Cache-Control": "no-store", "X-A": "b"})
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-A"] == "b"


def test_a_pause_is_waited_for_without_a_thread(clock: Clock) -> None:
    asked: list[float] = []

    def ticks() -> Iterator[str | Pause]:
        for number in range(2):
            asked.append(clock.now)
            yield str(number)
            yield Pause(2.5)

    body: Any = event_stream(ticks(), heartbeat=None).body
    assert next(body) == b"data: 0\n\n"
    assert next(body) is None
    assert body.wait == 2.5
    clock.now += 1
    assert next(body) is None  # asked too early
    assert body.wait == 1.5
    clock.now += 1.5
    assert next(body) == b"data: 1\n\n"
    assert asked == [1_000.0, 1_002.5]
    assert next(body) is None
    clock.now += 2.5
    with pytest.raises(StopIteration):
        next(body)


def test_a_heartbeat_comes_in_a_long_pause(clock: Clock) -> None:
    source: list[Sendable] = [Pause(40), "late"]
    body: Any = event_stream(source, heartbeat=15).body
    given = []
    for _ in range(4):
        given.append(next(body))
        if given[-1] is not None:
            continue
        clock.now += body.wait
    assert given == [None, b":\n\n", None, b":\n\n"]
    assert clock.now == 1_030.0
    assert next(body) is None
    assert body.wait == 10.0
    clock.now += 10
    assert next(body) == b"data: late\n\n"


@pytest.mark.parametrize("item", [None, 7, b"bytes", object()])
def test_what_is_no_event_is_said(item: Any) -> None:
    with pytest.raises(TypeError, match="event stream is made of"):
        everything(event_stream(iter([item])))


def test_a_generators_finally_runs() -> None:
    ended: list[int] = []

    def forever() -> Iterator[str | Pause]:
        try:
            while True:
                yield Pause(1)
        finally:
            ended.append(1)

    response = event_stream(forever())
    everything(response)
    response.close()
    assert ended == [1]
    event_stream([]).close()


@pytest.mark.parametrize("source", [None, 7, "text", b"bytes", {"a": 1}])
def test_a_source_is_one(source: Any) -> None:
    with pytest.raises(TypeError, match="an iterable, a Channel or a Broadcast"):
        event_stream(source)


@pytest.mark.parametrize("heartbeat", [0, -1, float("nan")])
def test_a_heartbeat_is_a_time(heartbeat: float) -> None:
    with pytest.raises(ValueError, match="heartbeat"):
        event_stream([], heartbeat=heartbeat)


# Channels


def test_a_channel_gives_what_was_sent_in_one_piece_and_calls(clock: Clock) -> None:
    channel, calls = Channel(), list[int]()
    response = event_stream(channel)
    assert channel.send("a")
    assert channel.send({"b": 1}, event="e", id="2", retry=1)
    assert everything(response) == [b'data: a\n\nid: 2\nevent: e\nretry: 1000\ndata: {"b":1}\n\n', None]
    channel.attach(lambda: calls.append(1))
    assert channel.send(Event("c"))
    assert calls == [1]
    clock.now += 15
    assert everything(response) == [b"data: c\n\n", None]
    assert channel.wait == 15
    clock.now += 15
    assert everything(response) == [b":\n\n", None]
    channel.send("d")
    channel.end()
    assert not channel.closed
    assert not channel.send("e")
    assert everything(response) == [b"data: d\n\n"]


def test_a_channel_whose_client_has_gone_takes_nothing() -> None:
    channel = Channel()
    response = event_stream(channel)
    channel.send("a")
    assert not channel.closed
    response.close()
    assert channel.closed
    assert not channel.send("b")


def test_who_reads_slowly_loses_the_oldest() -> None:
    channel = Channel(backlog=3)
    for number in range(10):
        assert channel.send(str(number))
    assert channel.lost == 7
    assert everything(event_stream(channel)) == [b"data: 7\n\ndata: 8\n\ndata: 9\n\n", None]


def test_much_that_waits_leaves_in_pieces() -> None:
    channel = Channel()
    for _ in range(10):
        channel.send("x" * 20_000)
    sizes = [len(piece) for piece in everything(event_stream(channel)) if piece]
    assert len(sizes) == 3
    assert sum(sizes) == 10 * 20_008
    assert max(sizes) < 100_000


def test_a_channel_is_for_one_response() -> None:
    channel = Channel()
    event_stream(channel)
    with pytest.raises(ValueError, match="one response"):
        event_stream(channel)


def test_an_event_has_its_own_fields() -> None:
    with pytest.raises(TypeError, match="its own fields"):
        Channel().send(Event("x"), id="1")


# Broadcasts


def test_all_who_listen_are_sent_the_same() -> None:
    events = Broadcast()
    assert events.publish("nobody hears") == 0
    first, second = Response.event_stream(events), Response.event_stream(events)
    assert len(events) == 2
    assert events.publish("a", event="e") == 2
    third = Response.event_stream(events)
    assert events.publish(["b"]) == 3
    assert everything(first) == everything(second) == [b'event: e\ndata: a\n\ndata: ["b"]\n\n', None]
    assert everything(third) == [b'data: ["b"]\n\n', None]
    first.close()
    assert len(events) == 2
    assert events.publish("c") == 2


def test_a_response_that_was_never_sent_is_not_kept() -> None:
    events = Broadcast()
    response = Response.event_stream(events)
    del response
    gc.collect()
    assert len(events) == 0


def ids(piece: bytes | None) -> list[str]:
    return [id_ for _, _, id_ in parse(piece or b"")]


def test_who_comes_back_is_sent_what_it_missed() -> None:
    events = Broadcast(history=5, backlog=2)
    stream = Response.event_stream(events)
    for number in range(4):
        events.publish(str(number))
        piece = everything(stream)[0]
        assert piece is not None
    [last] = ids(piece)
    for number in range(4, 7):
        events.publish(str(number))
    again = everything(Response.event_stream(events, last_event_id=last))[0] or b""
    assert [data for _, data, _ in parse(again)] == ["4", "5", "6"]
    for unknown in ("elsewhere-1", "0", "\r\n"):
        all_kept = everything(Response.event_stream(events, last_event_id=unknown))[0] or b""
        assert [data for _, data, _ in parse(all_kept)] == ["2", "3", "4", "5", "6"]
    assert everything(Response.event_stream(events, last_event_id=ids(again)[-1])) == [None]
    assert everything(Response.event_stream(events)) == [None]


def test_ids_of_ones_own_are_kept() -> None:
    events = Broadcast(history=3)
    events.publish("a", id="alpha")
    events.publish("b", id="beta")
    assert everything(event_stream(events, last_event_id="alpha")) == [b"id: beta\ndata: b\n\n", None]


def test_ids_of_two_processes_are_not_confused() -> None:
    before, after = Broadcast(history=9), Broadcast(history=9)
    stream = event_stream(before)
    before.publish("old")
    after.publish("new")
    [last] = ids(everything(stream)[0])
    assert everything(event_stream(after, last_event_id=last))[0] is not None


def test_the_end_of_a_broadcast_is_everybodys() -> None:
    events = Broadcast()
    stream = event_stream(events)
    events.publish("last")
    events.end()
    assert everything(stream) == [b"data: last\n\n"]
    assert everything(event_stream(events)) == []
    assert events.publish("none") == 0


def test_many_threads_publish_and_nothing_is_lost_or_torn() -> None:
    events = Broadcast(backlog=10_000, history=10)
    streams = [event_stream(events) for _ in range(5)]

    def publish(who: int) -> None:
        for number in range(200):
            events.publish({"who": who, "number": number})

    threads = [threading.Thread(target=publish, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = [parse(b"".join(piece or b"" for piece in everything(stream))) for stream in streams]
    assert all(each == seen[0] for each in seen)
    said = [json.loads(data) for _, data, _ in seen[0]]
    assert len(said) == 800
    for who in range(4):
        assert [each["number"] for each in said if each["who"] == who] == list(range(200))

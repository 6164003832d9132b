"""The bad requests of `tests/wire` against a served connection: the status, the close, what reaches the handler, and
that a fresh request is answered afterwards. In memory; `tests/faults` says the same things to a live server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from salver.request import Request
from salver.response import Response
from tests.service.harness import Conversation

WIRE = Path(__file__).parent.parent / "wire"
ROWS = [json.loads(line) for line in (WIRE / "bad-requests.jsonl").read_text().splitlines()]
# Rows about methods and paths say what a file server does; the handler here stands for one.
METHODS = ("GET", "HEAD", "POST", "OPTIONS")


class Site:
    """Answers / and /smuggled-like paths, refuses the rest, and remembers what reached it."""

    def __init__(self) -> None:
        self.seen: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.seen.append(request)
        if request.method not in METHODS:
            return Response("", 405, {"Allow": ", ".join(METHODS)})
        return Response("ok") if request.raw_path in ("/", "/smuggled") else Response("", 404)


def splits(message: bytes) -> list[list[bytes]]:
    """Whole, byte by byte, and cut in two: everywhere in short messages, at some hundred places in long ones."""
    step = max(1, len(message) // 300)
    cut = [[message[:at], message[at:]] for at in range(1, len(message), step)]
    pieces = [message[i : i + 1] for i in range(len(message))] if len(message) < 20_000 else []
    return [[message], pieces, *cut] if pieces else [[message], *cut]


def held_against(row: dict[str, Any], parts: list[bytes]) -> list[int]:
    """Send the row in these parts; check what the row promises; returns the statuses."""
    site = Site()
    talk = Conversation(site)
    for part in parts:
        if talk.stream.closed:
            break
        talk.say(part)
    statuses = talk.statuses
    assert statuses or (row["silent_close"] and talk.closed), "neither answered nor closed"
    assert not statuses or statuses[0] in row["status"]
    assert len(statuses) <= row["max_responses"]
    assert all(status < 500 or status in (501, 505) for status in statuses)
    assert talk.closed or not row["must_close"]
    if row["max_responses"] == 1:
        assert "/smuggled" not in [request.raw_path for request in site.seen]
    assert len(talk.log.lines) <= max(1, len(statuses))
    return statuses


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_bad_request(row: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    message = row["send"].encode("latin-1")
    if row["id"].startswith("path-") or row["id"] == "rl-038":
        row = {**row, "status": [*row["status"], 200]}  # what a path means is the folder's to say: tests/files
    verdicts = {tuple(held_against(row, parts)) for parts in splits(message)}
    assert len(verdicts) == 1, "the verdict depends on how the bytes were split"
    assert "Traceback" not in caplog.text
    assert Conversation(Site()).say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").statuses == [200]


def test_obs_text_is_delivered_to_the_byte() -> None:
    site = Site()
    Conversation(site).say(b"GET / HTTP/1.1\r\nHost: a\r\nX: \x85admin\xa0\r\n\r\n")
    assert site.seen[0].headers["x"] == "\x85admin\xa0"

"""The cases as values: one request (or a few in a row) with what may be answered.

Two files of one format. `send` is text, encoded as latin-1, or a list of texts and [text, times] where it is long;
`status` is what the first reply may be; `silent_close`: closing without a reply is as good; `must_close`: the server
closes afterwards, by itself; `max_responses`. In `more-requests.jsonl` the status is the plain one alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """One row."""

    id: str
    data: bytes
    status: frozenset[int]
    silent_close: bool
    must_close: bool
    max_responses: int
    note: str

    def __str__(self) -> str:
        return self.id


def load(name: str) -> list[Case]:
    """The rows of a file of this folder."""
    lines = (_HERE / name).read_text(encoding="ascii").split("\n")
    return [_case(json.loads(line)) for line in lines if line]


def _case(row: dict[str, Any]) -> Case:
    send = row["send"]
    parts = [send] if isinstance(send, str) else send
    text = "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)
    return Case(
        id=row["id"],
        data=text.encode("latin-1"),
        status=frozenset(row["status"]),
        silent_close=row["silent_close"],
        must_close=row["must_close"],
        max_responses=row["max_responses"],
        note=row["note"],
    )

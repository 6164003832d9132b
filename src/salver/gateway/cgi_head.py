"""What a script says before its body: RFC 3875 §6.2 and §6.3, read strictly.

Lines end in LF or CRLF; a field is a token, a colon and a value without a control character. So no field of a script
can become two of ours, and a head that is none is the script's failure (502), never a body shown in its place. Bytes
in, a value out; nothing here knows processes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from salver.protocol.grammar import CONTENT_LENGTH, FIELD_VALUE, REASON, TOKEN

_END = re.compile(rb"(?:^|\n)\r?\n")
_STATUS = re.compile(r"([2-5][0-9]{2})(?: (.*))?")
# The first line of scripts that were written to answer by themselves (§5.3.1): their fields are taken all the same.
_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] ([2-5][0-9]{2}(?: .*)?)")
_MOST_FIELDS = 100
_MOST_KNOWN, _LONGEST_KNOWN = 64, 512  # heads, and bytes of each
# RFC 9110 §7.6.1 and §6.6.1: what concerns the connection, the framing and the server is the server's to say.
_SERVERS_OWN = frozenset(
    (
        "connection",
        "date",
        "keep-alive",
        "proxy-connection",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


class BadHead(Exception):
    """A script's head that cannot be one; the text says why, for the log."""


class ScriptHead(NamedTuple):
    """A head. `local`: the target of a local redirect (§6.2.2), and then nothing else counts. `length`: what the
    script promised of its body, in bytes; not among `fields`."""

    status: int
    reason: str | None
    fields: list[tuple[str, str]]
    length: int | None
    local: str | None


class KnownHeads:
    """`parse_head`, which remembers what it has read: most scripts say the same each time. Safe to use from several
    threads; its heads are not to be changed."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, ScriptHead] = {}

    def parse(self, raw: bytes) -> ScriptHead:
        """As `parse_head`."""
        head = self._known.get(raw)
        if head is None:
            head = parse_head(raw)
            if len(raw) <= _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[raw] = head
        return head


def find_end(data: bytes | bytearray) -> int:
    """Where the body begins; 0 where the head's end has not come."""
    matched = _END.search(data)
    return matched.end() if matched else 0


def parse_head(raw: bytes) -> ScriptHead:
    """The head in `raw`, its empty line included. Raises `BadHead`."""
    lines = [line.removesuffix(b"\r") for line in raw.split(b"\n")]
    while lines and not lines[-1]:
        lines.pop()
    fields: list[tuple[str, str]] = []
    if lines:
        matched = _STATUS_LINE.fullmatch(lines[0])
        if matched is not None:
            lines[0] = b"Status: " + matched[1]
    if not lines:
        raise BadHead("it gave a body without a head")
    if len(lines) > _MOST_FIELDS:
        raise BadHead(f"it gave more than {_MOST_FIELDS} fields")
    fields = [_field(line) for line in lines]
    return _understood(fields)


def _field(line: bytes) -> tuple[str, str]:
    name, colon, value = line.partition(b":")
    value = value.strip(b" \t")
    if not colon or not TOKEN.fullmatch(name) or not FIELD_VALUE.fullmatch(value):
        raise BadHead(f"it gave a line that is no field: {line[:80]!r}")
    return name.decode("ascii"), value.decode("latin-1")


def _understood(fields: list[tuple[str, str]]) -> ScriptHead:
    """§6.3: the fields that mean something to the server, taken out of the others."""
    said = _said_once(fields)
    if not said:
        raise BadHead("it gave none of Content-Type, Location and Status")
    status, reason = _status(said.get("status"), said.get("location"))
    location = said.get("location")
    local = None
    if location is not None and "status" not in said and location.startswith("/") and not location.startswith("//"):
        local = location
    kept = [pair for pair in fields if pair[0].lower() not in _SERVERS_OWN | {"status", "content-length"}]
    return ScriptHead(status, reason, kept, _length(fields), local)


def _said_once(fields: list[tuple[str, str]]) -> dict[str, str]:
    """The CGI fields, of which §6.3 wants at least one, and each at most once."""
    found: dict[str, str] = {}
    for name, value in fields:
        lowered = name.lower()
        if lowered in ("status", "location", "content-type"):
            if lowered in found:
                raise BadHead(f"it gave {name} twice")
            found[lowered] = value
    return found


def _status(text: str | None, location: str | None) -> tuple[int, str | None]:
    if text is None:
        return (200 if location is None else 302), None  # §6.2.3
    matched = _STATUS.fullmatch(text)
    if matched is None:
        raise BadHead(f"it gave the status {text[:40]!r}")
    reason = matched[2]
    return int(matched[1]), reason if reason and REASON.fullmatch(reason.encode("latin-1")) else None


def _length(fields: list[tuple[str, str]]) -> int | None:
    values = {value for name, value in fields if name.lower() == "content-length"}
    if not values:
        return None
    value = values.pop().encode("latin-1")
    if values or not CONTENT_LENGTH.fullmatch(value):
        raise BadHead("it gave a Content-Length that is no length")
    return int(value)

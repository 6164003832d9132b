"""Message heads as values, and how bytes become them.

A head is a start line and a *section* of field lines. Keep-alive peers repeat the section byte for byte, so all that
follows from it (framing, persistence, host, the fields) is worked out once and hangs on the section; a request is
then little more than its line. This file takes complete sections; what is complete, and when a limit is passed, is
the connection's to say. It knows no role beyond the two kinds of head.
"""

from __future__ import annotations

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.framing import request_body_length, response_body_length
from salver.protocol.grammar import ABSOLUTE_FORM, AUTHORITY_FORM, FIELD_LINE, HOST, REQUEST_LINE, STATUS_LINE
from salver.protocol.headers import Headers

_WATCHED = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"expect"))


class Section:
    """The field lines of one head, parsed. Immutable once made, and shared by every head that repeats it."""

    __slots__ = ("_headers", "body_length", "expects_continue", "expects_other", "host", "keep_alive", "minor", "raw")

    def __init__(self, raw: bytes, minor: int) -> None:
        self.raw = raw  # from the first field line up to and including the empty line
        self.minor = minor
        self.body_length = 0
        self.keep_alive = False
        self.expects_continue = False
        self.expects_other = False
        self.host: bytes | None = None
        self._headers: Headers | None = None

    @property
    def headers(self) -> Headers:
        """The fields, decoded on first use. Two threads may both make them; either copy is right."""
        headers = self._headers
        if headers is None:
            lines = [line.partition(b":") for line in self.raw[:-4].split(b"\r\n") if line]
            headers = Headers(
                (name.decode("latin-1"), value.strip(b" \t").decode("latin-1")) for name, _, value in lines
            )
            self._headers = headers
        return headers


class RequestHead:
    """A request line with its section. `method` and `target` are str (ASCII); `section` has the rest."""

    __slots__ = ("method", "section", "target")

    def __init__(self, method: str, target: str, section: Section) -> None:
        self.method = method
        self.target = target
        self.section = section

    @property
    def headers(self) -> Headers:
        """The request's fields."""
        return self.section.headers

    @property
    def version(self) -> str:
        """ "HTTP/1.1" or "HTTP/1.0"."""
        return "HTTP/1.1" if self.section.minor else "HTTP/1.0"


class ResponseHead:
    """A status line with its section. `reason` is latin-1 text and may be empty."""

    __slots__ = ("reason", "section", "status")

    def __init__(self, status: int, reason: str, section: Section) -> None:
        self.status = status
        self.reason = reason
        self.section = section

    @property
    def headers(self) -> Headers:
        """The response's fields."""
        return self.section.headers


def parse_request_line(line: bytes) -> tuple[bytes, bytes, int]:
    """(method, target, minor version) of a request line without its CRLF. RFC 9112 §3.

    Raises `RemoteProtocolError`: 505 for a well-formed version that is not 1.0 or 1.1, otherwise 400.
    """
    matched = REQUEST_LINE.fullmatch(line)
    if matched is None:
        raise RemoteProtocolError("malformed request line")
    method, target, major, minor = matched.groups()
    if major != b"1" or minor not in b"01":
        raise RemoteProtocolError("HTTP version not supported", 505)
    return method, target, int(minor)


def parse_status_line(line: bytes) -> tuple[int, str, int]:
    """(status, reason, minor version) of a status line without its CRLF. RFC 9112 §4."""
    matched = STATUS_LINE.fullmatch(line)
    if matched is None or matched[1] != b"1":
        raise RemoteProtocolError("malformed status line")
    reason = (matched[4] or b"").decode("latin-1")
    return int(matched[3]), reason, min(int(matched[2]), 1)


def parse_request_section(raw: bytes, minor: int, max_fields: int) -> Section:
    """A request's section from its raw lines (empty line included). Raises `RemoteProtocolError`: 400, 431, 501."""
    section = Section(raw, minor)
    watched = _watched_values(raw, max_fields)
    section.body_length = request_body_length(watched[b"transfer-encoding"], watched[b"content-length"], minor)
    section.host = _one_host(watched[b"host"], minor)
    section.keep_alive = persists(watched[b"connection"], minor)
    if watched[b"expect"] and minor:  # RFC 9110 §10.1.1: ignored from a 1.0 client
        section.expects_continue = all(value.lower() == b"100-continue" for value in watched[b"expect"])
        section.expects_other = not section.expects_continue
    return section


def parse_response_section(raw: bytes, minor: int, max_fields: int, status: int, request_method: str) -> Section:
    """A response's section; framing depends on the status and on the method it answers (RFC 9112 §6.3)."""
    section = Section(raw, minor)
    watched = _watched_values(raw, max_fields)
    codings, lengths = watched[b"transfer-encoding"], watched[b"content-length"]
    section.body_length = response_body_length(codings, lengths, minor, status, request_method)
    section.keep_alive = persists(watched[b"connection"], minor)
    return section


def check_target(method: bytes, target: bytes, host: bytes | None) -> None:
    """Refuse a target whose form does not belong to the method. RFC 9112 §3.2, its four forms.

    An absolute-form must name the host of the Host field (RFC 9110 §7.4: misdirection otherwise).
    """
    if method == b"CONNECT":
        if not AUTHORITY_FORM.fullmatch(target):
            raise RemoteProtocolError("CONNECT needs a host and a port as its target")
        return
    if target.startswith(b"/"):
        return
    if target == b"*":
        if method != b"OPTIONS":
            raise RemoteProtocolError("the target * belongs to OPTIONS alone")
        return
    matched = ABSOLUTE_FORM.fullmatch(target)
    if matched is None or not HOST.fullmatch(matched[1]) or matched[1].startswith(b":"):
        raise RemoteProtocolError("malformed request target")
    if host is not None and host.lower() != matched[1].lower():
        raise RemoteProtocolError("the target's authority is not the Host field's")


def persists(connection: list[bytes], minor: int) -> bool:
    """Does the connection stay open after this message? RFC 9112 §9.3: close always ends it, 1.1 stays by default,
    1.0 only with keep-alive."""
    if not connection:
        return minor == 1
    options = {option.strip(b" \t").lower() for value in connection for option in value.split(b",")}
    if b"close" in options:
        return False
    return minor == 1 or b"keep-alive" in options


def _watched_values(raw: bytes, max_fields: int) -> dict[bytes, list[bytes]]:
    """Check every field line; returns the values, by lowered name, of the fields that this layer acts on."""
    watched: dict[bytes, list[bytes]] = {name: [] for name in _WATCHED}
    if raw == b"\r\n":
        return watched
    lines = raw[:-4].split(b"\r\n")
    if len(lines) > max_fields:
        raise RemoteProtocolError(f"more than {max_fields} fields", 431)
    match = FIELD_LINE.fullmatch
    for line in lines:
        matched = match(line)
        if matched is None:
            raise RemoteProtocolError("malformed field line")
        name = matched[1].lower()
        if name in watched:
            watched[name].append(matched[2].strip(b" \t"))
    return watched


def _one_host(values: list[bytes], minor: int) -> bytes | None:
    """RFC 9112 §3.2: 400 for a 1.1 request without Host, and for any with two or a malformed one."""
    if not values:
        if minor:
            raise RemoteProtocolError("no Host field")
        return None
    if len(values) > 1 or not HOST.fullmatch(values[0]):
        raise RemoteProtocolError("more than one Host field, or a malformed one")
    return values[0]

"""Message heads as values, and how bytes become them.

A head is a start line and a *section* of field lines. Keep-alive peers repeat the section byte for byte, so all that
follows from it (framing, persistence, host, the fields) is worked out once and hangs on the section; a request is
then little more than its line. This file takes complete sections; what is complete, and when a limit is passed, is
the connection's to say. It knows no role beyond the two kinds of head.
"""

from __future__ import annotations

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.framing import request_body_length, response_body_length
from salver.protocol.grammar import (
    ABSOLUTE_FORM,
    AUTHORITY_FORM,
    FIELD_LINES,
    HOST,
    NEVER_IN_HEAD,
    REQUEST_LINE,
    STATUS_LINE,
)
from salver.protocol.headers import Headers


class Section:
    """The field lines of one head, parsed. Immutable once made, and shared by every head that repeats it."""

    __slots__ = (
        "_headers",
        "body_length",
        "environ",
        "expects_continue",
        "expects_other",
        "host",
        "keep_alive",
        "minor",
        "notes",
        "raw",
    )

    def __init__(self, raw: bytes, minor: int) -> None:
        self.raw = raw  # from the first field line up to and including the empty line
        self.minor = minor
        self.body_length = 0
        self.keep_alive = False
        self.expects_continue = False
        self.expects_other = False
        self.host: bytes | None = None
        self.notes: str | None = None  # what the file handler has read in the fields, once for all that repeat them
        self.environ: object = None  # what the WSGI gateway has made of the fields, likewise
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
    lines = _FieldLines(raw, max_fields)
    codings, lengths = lines.values(b"\ntransfer-encoding:"), lines.values(b"\ncontent-length:")
    section.body_length = request_body_length(codings, lengths, minor)
    section.host = _one_host(lines.values(b"\nhost:"), minor)
    section.keep_alive = persists(lines.values(b"\nconnection:"), minor)
    expect = lines.values(b"\nexpect:")
    if expect and minor:  # RFC 9110 §10.1.1: ignored from a 1.0 client
        expectations = _members(expect)
        section.expects_other = not expectations <= {b"100-continue"}
        section.expects_continue = bool(expectations) and not section.expects_other
    return section


def parse_response_section(raw: bytes, minor: int, max_fields: int, status: int, request_method: str) -> Section:
    """A response's section; framing depends on the status and on the method it answers (RFC 9112 §6.3)."""
    section = Section(raw, minor)
    lines = _FieldLines(raw, max_fields)
    codings, lengths = lines.values(b"\ntransfer-encoding:"), lines.values(b"\ncontent-length:")
    section.body_length = response_body_length(codings, lengths, minor, status, request_method)
    section.keep_alive = persists(lines.values(b"\nconnection:"), minor)
    return section


def check_target(method: bytes, target: bytes, host: bytes | None) -> None:
    """Refuse a target whose form does not belong to the method. RFC 9112 §3.2, its four forms.

    An absolute-form must name the host of the Host field: RFC 9112 §3.2.2 has the target win, and what two readers
    may read differently is refused (RFC 9110 §7.4).
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
    default_port = b":443" if target[4:5] in b"sS" else b":80"
    if host is not None and _authority(host, default_port) != _authority(matched[1], default_port):
        raise RemoteProtocolError("the target's authority is not the Host field's")


def persists(connection: list[bytes], minor: int) -> bool:
    """Does the connection stay open after this message? RFC 9112 §9.3: close always ends it, 1.1 stays by default,
    1.0 only with keep-alive."""
    if not connection:
        return minor == 1
    options = _members(connection)
    if b"close" in options:
        return False
    return minor == 1 or b"keep-alive" in options


def _authority(authority: bytes, default_port: bytes) -> bytes:
    """As it is compared: RFC 9110 §4.2.3, without case and without the port where it is the scheme's own or empty."""
    return authority.lower().removesuffix(default_port).removesuffix(b":")


def _members(values: list[bytes]) -> set[bytes]:
    """The members of a list of tokens, lowered; RFC 9110 §5.6.1 has empty ones ignored."""
    return {member.strip(b" \t").lower() for value in values for member in value.split(b",")} - {b""}


class _FieldLines:
    """The lines of one section, every one of them checked, and a quick look at those that a connection acts on."""

    __slots__ = ("_lines", "_lowered")

    def __init__(self, raw: bytes, max_fields: int) -> None:
        """Raises `RemoteProtocolError`: 400, and 431 for too many fields. A control character comes before that,
        since a peer that sends slowly is refused for it as soon as it comes."""
        if raw.count(b"\r\n") - 1 > max_fields:
            malformed = NEVER_IN_HEAD.search(raw)
            raise RemoteProtocolError(f"more than {max_fields} fields", 400 if malformed else 431)
        if not FIELD_LINES.fullmatch(raw, 0, len(raw) - 2):
            raise RemoteProtocolError("malformed field line")
        self._lines = b"\n" + raw
        self._lowered = self._lines.lower()

    def values(self, start: bytes) -> list[bytes]:
        """The values of the field whose lines begin with `start`: an LF, the name in small letters, a colon.

        Five searches for names cost less than a look at every line; an LF is nowhere but before a line.
        """
        values: list[bytes] = []
        found = self._lowered.find(start)
        while found >= 0:
            begin = found + len(start)
            found = self._lines.index(b"\r", begin)
            values.append(self._lines[begin:found].strip(b" \t"))
            found = self._lowered.find(start, found)
        return values


def _one_host(values: list[bytes], minor: int) -> bytes | None:
    """RFC 9112 §3.2: 400 for a 1.1 request without Host, and for any with two or a malformed one."""
    if not values:
        if minor:
            raise RemoteProtocolError("no Host field")
        return None
    if len(values) > 1 or not HOST.fullmatch(values[0]):
        raise RemoteProtocolError("more than one Host field, or a malformed one")
    return values[0]

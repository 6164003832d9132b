r"""How a request becomes one line of text: Apache's combined format, JSON, or a format string with named fields.

Lines are made in batches, by one thread, long after the reply has gone; what repeats inside a batch (a header
section, a client, the second) is rendered once. Whatever a client sent, a line is one line of printable ASCII: the
rest is escaped as \xHH, and JSON is always valid JSON. This file knows no clock, no file and no queue.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterable, Sequence
from string import Formatter
from typing import Any, Union

from salver.protocol.heads import Section

# client, method, target, minor version, status, body bytes, seconds, header section; no head was read: "", "", None
Entry = tuple[str, str, str, int, int, int, float, Union[Section, None]]
# A float says the wall-clock time (seconds since the epoch) of the entries behind it.
Item = Union[Entry, float]

_UNSAFE = re.compile(r"[^ !#-\[\]-~]")  # all but printable ASCII, and of that the quote and the backslash
_LOGGED = ("referer", "user-agent", "authorization")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_USER_MAX = 256  # characters of a user name
_json_text = json.JSONEncoder(ensure_ascii=True).encode


def escape(text: str) -> str:
    r"""`text` as printable ASCII that may stand between quotes: `"` and `\` behind a backslash, every other odd
    character as \xHH (beyond latin-1 \uHHHH and \UHHHHHHHH)."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _UNSAFE.sub(_escaped, text)


def _escaped(matched: re.Match[str]) -> str:
    character = matched[0]
    if character in '"\\':
        return "\\" + character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escape_word(text: str) -> str:
    """As `escape`, for a place without quotes: blanks are escaped too, and nothing is "-"."""
    return escape(text).replace(" ", "\\x20") or "-"


def basic_user(authorization: str) -> str:
    """The user name in a Basic Authorization value (RFC 7617 §2), its octets as latin-1; "" where there is none.

    A value without a colon has no password and may be one: it names nobody.
    """
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        name, colon, _ = base64.b64decode(token.strip(" "), validate=True).partition(b":")
    except ValueError:
        return ""
    return name[:_USER_MAX].decode("latin-1") if colon else ""


def common_time(now: float) -> str:
    """`now` (seconds since the epoch) as Apache writes it, in local time: 10/Oct/2000:13:55:36 -0700."""
    then = time.localtime(now)
    clock = f"{then.tm_hour:02d}:{then.tm_min:02d}:{then.tm_sec:02d}"
    return f"{then.tm_mday:02d}/{_MONTHS[then.tm_mon - 1]}/{then.tm_year:04d}:{clock} {_offset(then, '')}"


def iso_time(now: float) -> str:
    """`now` (seconds since the epoch) in ISO 8601, local time with its offset: 2000-10-10T13:55:36-07:00."""
    then = time.localtime(now)
    day = f"{then.tm_year:04d}-{then.tm_mon:02d}-{then.tm_mday:02d}"
    return f"{day}T{then.tm_hour:02d}:{then.tm_min:02d}:{then.tm_sec:02d}{_offset(then, ':')}"


def _offset(then: time.struct_time, separator: str) -> str:
    minutes = abs(then.tm_gmtoff) // 60
    sign = "-" if then.tm_gmtoff < 0 else "+"
    return f"{sign}{minutes // 60:02d}{separator}{minutes % 60:02d}"


class FieldFinder:
    """Some fields of a section, found in its raw lines: cheaper than decoding all of them for three. Immutable."""

    __slots__ = ("_find", "_places")

    def __init__(self, names: Sequence[str]) -> None:
        """`names` in lower case."""
        self._places = {name.encode("ascii"): place for place, name in enumerate(names)}
        either = b"|".join(re.escape(name) for name in self._places)  # an anchored choice of names: linear
        self._find = re.compile(b"(?im)^(%b):([^\r\n]*)" % either).findall

    def values(self, section: Section | None) -> list[str]:
        """The first value of each name, in the order of the names, as latin-1; "" where it is absent."""
        found = [""] * len(self._places)
        if section is not None and found:
            for name, value in reversed(self._find(section.raw)):
                found[self._places[name.lower()]] = value.strip(b" \t").decode("latin-1")
        return found


class LineFormat:
    """What all formats share: the second that entries belong to, rendered once. Used by one thread."""

    __slots__ = ("_second", "_time", "_time_text")

    def __init__(self, time_text: Callable[[float], str]) -> None:
        self._time_text = time_text
        self._second = -1
        self._time = "-"

    def render(self, batch: Iterable[Item]) -> list[str]:
        """The lines of a batch, each with its newline; times among the entries give no line."""
        raise NotImplementedError

    def notice(self, text: str) -> str:
        """A line in which the log speaks of itself."""
        return f"# {escape(text)}\n"

    def _set_time(self, now: float) -> None:
        if int(now) != self._second:
            self._second = int(now)
            self._time = self._time_text(now)


class CombinedFormat(LineFormat):
    """Apache's combined log format."""

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        super().__init__(common_time)
        self._fields = FieldFinder(_LOGGED)

    def render(self, batch: Iterable[Item]) -> list[str]:
        """See `LineFormat.render`."""
        lines: list[str] = []
        append, begins, ends = lines.append, _Memo(escape_word), _Memo(self._user_and_end)
        for item in batch:
            if item.__class__ is float:
                self._set_time(item)
                continue
            client, method, target, minor, status, size, _, section = item  # type: ignore[misc]
            user, end = ends[section]
            request = f"{escape(method)} {escape(target)} HTTP/1.{minor}" if method else "-"
            append(f'{begins[client]} - {user} [{self._time}] "{request}" {status} {size} {end}')
        return lines

    def _user_and_end(self, section: Section | None) -> tuple[str, str]:
        referer, agent, authorization = self._fields.values(section)
        return escape_word(basic_user(authorization)), f'"{escape(referer) or "-"}" "{escape(agent) or "-"}"\n'


class JsonFormat(LineFormat):
    """One JSON object a line. Absent members are null; `duration_ms` is milliseconds, `size` body bytes."""

    __slots__ = ("_fields",)

    def __init__(self) -> None:
        super().__init__(iso_time)
        self._fields = FieldFinder(_LOGGED)

    def render(self, batch: Iterable[Item]) -> list[str]:
        """See `LineFormat.render`."""
        lines: list[str] = []
        append, clients, ends = lines.append, _Memo(_json_text), _Memo(self._end)
        for item in batch:
            if item.__class__ is float:
                self._set_time(item)
                continue
            client, method, target, minor, status, size, seconds, section = item  # type: ignore[misc]
            request = f'"method":{_json_text(method)},"target":{_json_text(target)},"version":"HTTP/1.{minor}"'
            append(
                f'{{"time":"{self._time}","client":{clients[client]},{request},'
                f'"status":{status},"size":{size},"duration_ms":{seconds * 1000:.3f},{ends[section]}'
            )
        return lines

    def notice(self, text: str) -> str:
        """See `LineFormat.notice`."""
        return f'{{"time":"{self._time}","notice":{_json_text(text)}}}\n'

    def _end(self, section: Section | None) -> str:
        referer, agent, authorization = self._fields.values(section)
        user = basic_user(authorization)
        members = {"user": user, "referer": referer, "user_agent": agent}
        return ",".join(f'"{name}":{_json_text(value) if value else "null"}' for name, value in members.items()) + "}\n"


class _Memo(dict[Any, Any]):
    """A dict that works its values out when they are first asked for, for the length of one batch."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Any) -> Any:
        value = self[key] = self._make(key)
        return value


Getter = Callable[[Entry, Sequence[str], Sequence[str]], Any]

_FIELDS: dict[str, Callable[[Entry], Any]] = {
    "client": lambda entry: escape(entry[0]) or "-",
    "method": lambda entry: escape(entry[1]) or "-",
    "target": lambda entry: escape(entry[2]) or "-",
    "path": lambda entry: escape(entry[2].partition("?")[0]) or "-",
    "query": lambda entry: escape(entry[2].partition("?")[2]) or "-",
    "version": lambda entry: f"HTTP/1.{entry[3]}",
    "status": lambda entry: entry[4],
    "size": lambda entry: entry[5],
    "seconds": lambda entry: f"{entry[6]:.6f}",
    "duration_ms": lambda entry: f"{entry[6] * 1e3:.3f}",
    "duration_us": lambda entry: f"{entry[6] * 1e6:.0f}",
}
_HEADER_FIELDS = {"user": "authorization", "referer": "referer", "user_agent": "user-agent", "host": "host"}
_TIME_FIELDS: dict[str, Callable[[float], str]] = {
    "time": iso_time,
    "time_common": common_time,
    "time_unix": lambda now: str(int(now)),
}
FIELD_NAMES = (*_FIELDS, *_HEADER_FIELDS, *_TIME_FIELDS, "header:NAME")


class TemplateFormat(LineFormat):
    """A line as `str.format` would write it, from `FIELD_NAMES` alone: `{client} {status} {duration_ms}`.

    No attribute, index, conversion or width is taken: a format is data, and what it may reach is this list.
    Raises ValueError, saying what is wrong, for anything else. What is absent is "-".
    """

    __slots__ = ("_fields", "_getters", "_template")

    def __init__(self, template: str) -> None:
        pieces = _parse(template)
        names = [name for _, name in pieces if name]
        times = list(dict.fromkeys(name for name in names if name in _TIME_FIELDS))
        headers = list(dict.fromkeys(_header_name(name) for name in names if name not in _FIELDS and name not in times))
        super().__init__(lambda now: "\0".join(_TIME_FIELDS[name](now) for name in times))
        self._time = "\0".join("-" for _ in times)
        self._template = "".join(literal.replace("%", "%%") + ("%s" if name else "") for literal, name in pieces) + "\n"
        self._fields = FieldFinder(headers)
        self._getters = [_getter(name, times, headers) for name in names]

    def render(self, batch: Iterable[Item]) -> list[str]:
        """See `LineFormat.render`."""
        lines: list[str] = []
        template, getters, sections = self._template, self._getters, _Memo(self._fields.values)
        times: list[str] = self._time.split("\0")
        for item in batch:
            if item.__class__ is float:
                self._set_time(item)
                times = self._time.split("\0")
            else:
                values = sections[item[7]]  # type: ignore[index]
                lines.append(template % tuple([get(item, times, values) for get in getters]))  # type: ignore[arg-type]
        return lines


def _getter(name: str, times: list[str], headers: list[str]) -> Getter:
    """How a field's value is had from an entry, the texts of its time, and the values of its section."""
    if name in _FIELDS:
        own = _FIELDS[name]
        return lambda entry, _times, _values: own(entry)
    if name in _TIME_FIELDS:
        place = times.index(name)
        return lambda _entry, texts, _values: texts[place]
    place = headers.index(_header_name(name))
    if name == "user":
        return lambda _entry, _times, values: escape_word(basic_user(values[place]))
    return lambda _entry, _times, values: escape(values[place]) or "-"


def _header_name(name: str) -> str:
    return _HEADER_FIELDS.get(name, name.removeprefix("header:")).lower()


def _parse(template: str) -> list[tuple[str, str]]:
    """(literal, field name) pairs of a template; the name is "" behind the last literal."""
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"bad log format {template!r}: {error}") from None
    pieces = []
    for literal, name, spec, conversion in parsed:
        if not literal.replace("\t", "").isprintable():
            raise ValueError(f"bad log format {template!r}: a line must stay one line of printable text")
        pieces.append((literal, "" if name is None else _checked_name(template, name, spec or "", conversion)))
    return pieces


def _checked_name(template: str, name: str, spec: str, conversion: str | None) -> str:
    if name == "header" and re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", spec) and not conversion:
        return f"header:{spec}"
    if name not in _FIELDS and name not in _HEADER_FIELDS and name not in _TIME_FIELDS:
        raise ValueError(f"bad log format {template!r}: no field {name!r}; there are {', '.join(FIELD_NAMES)}")
    if spec or conversion:
        raise ValueError(f"bad log format {template!r}: {{{name}}} takes neither a width nor a conversion")
    return name


def line_format(name: str) -> LineFormat:
    """The format called "combined" or "json", or the one that a format string describes.

    Raises ValueError, in one line, for an unknown name or field.
    """
    if name == "combined":
        return CombinedFormat()
    if name == "json":
        return JsonFormat()
    if "{" not in name:
        raise ValueError(f"no log format {name!r}: say combined, json, or a format such as '{{client}} {{status}}'")
    return TemplateFormat(name)

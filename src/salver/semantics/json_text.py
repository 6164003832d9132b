"""JSON as RFC 8259 has it and RFC 7493 (I-JSON) narrows it: what two programs read in the same way, and nothing else.

Python's reader takes more than JSON (NaN, Infinity), and its writer sends it; both are told not to. Two members of one
name are refused, because programs differ in which of them counts, and so are numbers too large for a float and strings
that are no Unicode text, because they cannot be sent on. Whoever reads client's JSON gets a value or an error, never an
exception of another kind. The standard library does the work.

`parse_json` has the library give the pairs of every object, and so make a list of each. A reader of `json_reader` lets
it make objects as it does, and counts their members: where the text has no more colons, none was lost to another of its
name. What that cannot vouch for, and whatever is wrong, goes to `parse_json`, which alone refuses.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

from salver.protocol.errors import RemoteProtocolError


class _Refused(ValueError):
    """JSON that is not taken, with words for whoever sent it."""


def parse_json(data: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises `RemoteProtocolError` with the hint 400 and words for whoever sent it: not UTF-8, not JSON, two members of
    one name, a number too large, half a surrogate pair, nested deeper than this interpreter follows.
    """
    try:
        value = _DECODER.decode(data.decode("utf-8"))
        if b"\\ud" in data or b"\\uD" in data:
            _refuse_lone_surrogates(value)
    except UnicodeDecodeError as error:
        raise RemoteProtocolError(f"the JSON is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise RemoteProtocolError(f"not JSON: {error}") from None
    except _Refused as error:
        raise RemoteProtocolError(f"the JSON cannot be taken: {error}") from None
    except ValueError:  # of int(), in words for programmers
        raise RemoteProtocolError("the JSON cannot be taken: a number has too many digits") from None
    except RecursionError:
        raise RemoteProtocolError("the JSON is nested too deep") from None
    return value


def json_reader() -> Callable[[bytes], Any]:
    """A `parse_json` that is quicker, for one thread: it counts, and takes longer to make than a short text to read."""
    members = 0

    def count(made: dict[str, Any]) -> dict[str, Any]:
        nonlocal members
        members += len(made)
        return made

    scan = json.JSONDecoder(object_hook=count, parse_float=_finite, parse_constant=_no_constant).raw_decode

    def read(data: bytes) -> Any:
        nonlocal members
        before = members  # not 0 where a signal's handler, or a finalizer, reads in the middle of another reading
        try:
            text = data.decode("utf-8").strip(_BLANKS)
            value, end = scan(text)
            found = members - before
            if b"\\" in data and (b"\\ud" in data or b"\\uD" in data):
                _refuse_lone_surrogates(value)
            if end == len(text) and (found == data.count(b":") or found == _most_members(data)):
                return value
        except (ValueError, RecursionError):
            pass
        finally:
            members = before
        return parse_json(data)

    return read


def encode_json(value: Any) -> bytes:
    """`value` as JSON in UTF-8, without blanks.

    Beside what JSON has: dates and times (ISO 8601), UUID and Decimal (as str), dataclasses (as objects), and tuples.
    Raises TypeError for anything else, ValueError for NaN, an infinity, or a value that contains itself.
    """
    # What is no Unicode text leaves as the escape that it is in JSON: bytes on the wire are UTF-8 always.
    return _ENCODER.encode(value).encode("utf-8", "backslashreplace")


def _most_members(data: bytes) -> int:
    """How many members a JSON text may have at most: each has a colon behind a quote, and only blanks between them."""
    return data.translate(None, _BLANKS.encode()).count(b'":')


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("an object has two members of one name")
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if number - number:  # NaN, where it is an infinity
        raise _Refused("a number is too large")
    return number


def _no_constant(name: str) -> NoReturn:
    raise _Refused(f"{name} is not JSON")


def _refuse_lone_surrogates(value: Any) -> None:
    try:
        _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise _Refused("a string has half of a surrogate pair") from None


def _plainer(value: Any) -> Any:
    """What the encoder does not know, as something that it does."""
    import dataclasses
    import datetime
    import decimal
    import uuid

    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (uuid.UUID, decimal.Decimal)):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} is nothing that JSON has; make it a dict, list, str or number first")


_BLANKS = " \t\r\n"
_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
# The look for values that contain themselves is a fifth of the writing, and stays: without it such a value is written
# as deep as the interpreter goes, with all that is beside it each time.
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plainer)

"""Content-Type taken apart: a media type and its parameters (RFC 9110 §8.3.1), in linear time.

Parameters are read as far as they are any; what is not one ends the reading, and what stood before it counts. A value
without quotes may have every character but blank, quote and semicolon, since boundaries are written so.
"""

from __future__ import annotations

import re

_TYPE = re.compile(r"[ \t]*+([!#$%&'*+\-.^_`|~0-9A-Za-z]++/[!#$%&'*+\-.^_`|~0-9A-Za-z]++)[ \t]*+(?=;|\Z)")
_PARAMETER = re.compile(
    r"[ \t]*+;[ \t]*+(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]++)="
    r'(?:([^;"\s\x00-\x1f\x7f]++)|"((?:[^"\\]|\\.)*+)"))?[ \t]*+(?=;|\Z)',
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_content_type(value: str) -> tuple[str, dict[str, str]]:
    """("multipart/form-data", {"boundary": "x"}): the type and the names of parameters lowered, of a name that comes
    twice the first value. ("", {}) for what is no media type."""
    matched = _TYPE.match(value)
    if matched is None:
        return "", {}
    media_type, parameters = matched[1].lower(), dict[str, str]()
    found = _PARAMETER.match(value, matched.end())
    while found is not None:
        name, bare, quoted = found.groups()
        if name is not None:
            parameters.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) if bare is None else bare)
        found = _PARAMETER.match(value, found.end()) if found.end() < len(value) else None
    return media_type, parameters


def is_json_type(media_type: str) -> bool:
    """Is a body of this (lowered) media type JSON: application/json, text/json, or any "+json" (RFC 6839 §3.1)?"""
    return media_type in ("application/json", "text/json") or media_type.endswith("+json")

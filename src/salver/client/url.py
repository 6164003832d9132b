"""URLs of http and https, parsed by RFC 3986 and nothing laxer: what two readers might read differently is refused.

`urllib.parse` is not used: it strips tabs and line feeds, takes a backslash for a part of the host, and raises from
within on brackets. Text outside ASCII is taken as people paste it: percent-encoded as UTF-8 in path and query, by IDNA
in the host. A URL is a value; it opens nothing and asks no name server.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Union
from urllib.parse import quote, unquote, urlencode

from salver.client.errors import InvalidRequest

Params = Union[Mapping[str, Any], Iterable[tuple[str, Any]], str, bytes, None]

DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 3986 appendix B, less the schemes that are not ours.
_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_NEVER = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029\\]")
_REG_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252})")
_PORT = re.compile(r"[0-9]{0,5}")
_PATH_SAFE = "/!$&'()*+,;=:@-._~%"
_QUERY_SAFE = _PATH_SAFE + "?"
_USERINFO = re.compile(r"^([^/?#]*//|)[^/?#]*@")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_BEFORE_PATH = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.\-]*:)?//[^/?#]*")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # RFC 3490 §3.1
_LABEL_MAX = 63  # RFC 1035 §2.3.4
_JOINERS = re.compile("[\u200c\u200d]")


class Origin(NamedTuple):
    """Who is spoken to: RFC 9110 §4.3.1. `host` is in small letters, ASCII, an IPv6 address without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """As the Host field says it: without the port where it is the scheme's own (RFC 9110 §7.2), and without the
        zone of an IPv6 address, which is this machine's alone (RFC 6874 §4)."""
        host = f"[{self.host.partition('%')[0]}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS.get(self.scheme) else f"{host}:{self.port}"


class URL:
    """An absolute URL. Immutable, safe to share.

    `origin` is who, `target` the path and query as they are sent; `user` and `password` come from the URL, decoded,
    None where it has none; `fragment` is never sent. `host_field`: the Host field's value.
    """

    __slots__ = ("fragment", "host_field", "origin", "password", "target", "user")

    def __init__(
        self, origin: Origin, target: str, fragment: str = "", user: str | None = None, password: str | None = None
    ) -> None:
        self.origin = origin
        self.target = target
        self.fragment = fragment
        self.user = user
        self.password = password
        self.host_field = origin.authority

    @property
    def path(self) -> str:
        """The path, percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """What stands behind the "?", percent-encoded; "" where nothing does."""
        return self.target.partition("?")[2]

    def with_params(self, params: Params) -> URL:
        """With `params` (a mapping or pairs; a list as a value gives the name several times; None is left out) added
        behind the query it has."""
        encoded = encode_params(params)
        if not encoded:
            return self
        separator = "" if self.target.endswith("?") else "&" if "?" in self.target else "?"
        joined = self.target + separator + encoded
        return URL(self.origin, joined, self.fragment, self.user, self.password)

    def join(self, reference: str) -> URL:
        """What `reference` means here: RFC 3986 §5.2, the fragment inherited as RFC 9110 §10.2.2 has it. Raises
        `InvalidRequest`."""
        text = _clean(reference)
        scheme, authority, path, query, fragment = _split(text)
        if fragment is None:
            fragment = self.fragment
        if scheme is not None:
            if authority is None:
                raise InvalidRequest("a URL of http has two slashes behind its scheme", text)
            return _absolute(scheme, authority, path, query, fragment)
        if authority is not None:
            return _absolute(self.origin.scheme, authority, path, query, fragment)
        base_path, _, base_query = self.target.partition("?")
        if not path:
            target = _target(base_path, base_query or None if query is None else query)
        elif path.startswith("/"):
            target = _target(path, query)
        else:
            target = _target(base_path[: base_path.rindex("/") + 1] + path, query)
        return URL(self.origin, target, fragment, self.user, self.password)

    def __str__(self) -> str:
        """Without user and password: this is what errors and logs show."""
        fragment = f"#{self.fragment}" if self.fragment else ""
        return f"{self.origin.scheme}://{self.host_field}{self.target}{fragment}"

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, URL) and str(self) == str(other) and self.credentials == other.credentials

    def __hash__(self) -> int:
        return hash(str(self))

    @property
    def credentials(self) -> tuple[str, str] | None:
        """(user, password) of the URL itself."""
        return None if self.user is None else (self.user, self.password or "")


@lru_cache(maxsize=1_024)
def parse_url(text: str) -> URL:
    """`text` as a `URL`. Raises `InvalidRequest` with what is wrong. Remembered, as URLs recur."""
    cleaned = _clean(text)
    scheme, authority, path, query, fragment = _split(cleaned)
    if scheme is None or authority is None:
        raise InvalidRequest(
            f"{shown(text)!r} is not a whole URL; write it with its scheme, like http://{_hint(shown(cleaned))}"
        )
    return _absolute(scheme, authority, path, query, fragment or "")


def encode_params(params: Params) -> str:
    """Names and values as application/x-www-form-urlencoded has them. Raises `InvalidRequest`."""
    if params is None:
        return ""
    if isinstance(params, (str, bytes)):
        return _encoded(params.decode() if isinstance(params, bytes) else params, _QUERY_SAFE).lstrip("?")
    items = params.items() if isinstance(params, Mapping) else params
    try:
        pairs = [(str(name), param_text(each)) for name, value in items for each in _several(value)]
        return urlencode(pairs)
    except UnicodeEncodeError:
        raise InvalidRequest("what is to be sent has half a surrogate pair in it, which is no text") from None
    except (TypeError, ValueError):
        raise InvalidRequest(f"params are a mapping or pairs of a name and a value, not {params!r}") from None


def _several(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def param_text(value: object) -> str:
    """A value as a query and a form have it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode() if isinstance(value, bytes) else str(value)


def _clean(text: str) -> str:
    """Without the blanks around it; with a control, a blank or a backslash inside, it is no URL."""
    stripped = text.strip(" ")
    if " " in stripped and not _NEVER.search(stripped.replace(" ", "")):
        # In path and query, people paste blanks; in what stands before them, a blank hides something.
        before = _BEFORE_PATH.match(stripped)
        authority_end = before.end() if before is not None else 0
        stripped = stripped[:authority_end] + stripped[authority_end:].replace(" ", "%20")
    if _NEVER.search(stripped):
        raise InvalidRequest(f"{shown(text)!r} is no URL: it has a blank, a backslash or a control character in it")
    return stripped


def _split(text: str) -> tuple[str | None, str | None, str, str | None, str | None]:
    matched = _PARTS.fullmatch(text)
    if matched is None:  # the expression takes everything; this is for the type
        raise InvalidRequest(f"{shown(text)!r} is no URL")
    return matched[1], matched[2], matched[3], matched[4], matched[5]


def _absolute(scheme: str, authority: str, path: str, query: str | None, fragment: str) -> URL:
    scheme = scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise InvalidRequest(f"a URL here begins with http:// or https://, not {scheme}://")
    userinfo, at, hostport = authority.rpartition("@")
    user: str | None = None
    password: str | None = None
    if at:
        name, colon, secret = userinfo.partition(":")
        user, password = unquote(name), unquote(secret) if colon else None
    host, port = _host_and_port(hostport, scheme)
    return URL(Origin(scheme, host, port), _target(path, query), _encoded(fragment, _QUERY_SAFE), user, password)


def _host_and_port(text: str, scheme: str) -> tuple[str, int]:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise InvalidRequest(f"{text!r} is no host: write an IPv6 address as [::1]:8000")
        return _ipv6(host), _port(rest[1:], text, scheme)
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    return _name(host), _port(port, text, scheme)


def _ipv6(host: str) -> str:
    address, _, zone = host.partition("%")
    try:
        socket.inet_pton(socket.AF_INET6, address)
    except (OSError, ValueError):
        raise InvalidRequest(f"[{host}] is no IPv6 address") from None
    if zone and not re.fullmatch(r"(?:25)?[A-Za-z0-9_.-]{1,15}", zone):
        raise InvalidRequest(f"[{host}] has a zone that is none")
    return host.lower() if not zone else f"{address.lower()}%{zone.removeprefix('25')}"


def _name(host: str) -> str:
    text = unquote(host) if "%" in host else host
    if not text.isascii():
        try:
            text = ".".join(_ascii_label(label) for label in _DOTS.split(text))
        except UnicodeError as error:
            raise InvalidRequest(f"{host!r} is no name of a host: {error}") from None
    text = text.lower()
    if not _REG_NAME.fullmatch(text) or ".." in text:
        raise InvalidRequest(f"{host!r} is no name of a host" if host else "the URL names no host")
    return text


def _ascii_label(label: str) -> str:
    """RFC 3490, but for four characters that IDNA 2008 tells apart and everybody else does by now: with ß as ss, the
    request would go to another host than a browser's. Raises UnicodeError."""
    if _JOINERS.search(label):
        raise UnicodeError("whether its joiners count is read differently; write it as xn--…")
    plain = label.encode("idna").decode("ascii")  # says what cannot be in a name, too
    lowered = "".join(character.lower() for character in label)  # a Σ at the end is not made a ς by this
    if "ß" not in lowered and "ς" not in lowered:
        return plain
    from unicodedata import normalize

    told_apart = "xn--" + normalize("NFKC", lowered).encode("punycode").decode("ascii")
    if len(told_apart) > _LABEL_MAX:
        raise UnicodeError("label too long")
    return told_apart


def _port(digits: str, text: str, scheme: str) -> int:
    if not _PORT.fullmatch(digits) or not digits.isascii() or (digits and not 0 < int(digits) < 65_536):
        raise InvalidRequest(f"{text!r} has no valid port: a number from 1 to 65535")
    return int(digits) if digits else DEFAULT_PORTS[scheme]


def _target(path: str, query: str | None) -> str:
    encoded = _without_dots(_encoded(path, _PATH_SAFE)) or "/"
    if not encoded.startswith("/"):
        encoded = "/" + encoded
    return encoded if query is None else f"{encoded}?{_encoded(query, _QUERY_SAFE)}"


def _encoded(text: str, safe: str) -> str:
    """What may not stand in this part, percent-encoded; what is encoded already stays."""
    try:
        return quote(_LONE_PERCENT.sub("%25", text), safe=safe, errors="surrogateescape")
    except UnicodeEncodeError:
        raise InvalidRequest(f"{text!r} has half a surrogate pair in it, which is no text") from None


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4; an encoded dot is a dot, as every browser has it."""
    if "." not in path and "%2" not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for index, segment in enumerate(segments):
        plain = segment.replace("%2e", ".").replace("%2E", ".")
        last = index == len(segments) - 1
        if plain == "..":
            if len(kept) > 1:
                kept.pop()
            if last:
                kept.append("")
        elif plain == ".":
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return "/".join(kept)


def shown(text: str) -> str:
    """What was given as a URL, without what may be a user and a password in it."""
    return _USERINFO.sub(r"\1", text, count=1)


def _hint(text: str) -> str:
    return text.lstrip("/:") or "example.com/"

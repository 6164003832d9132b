"""The cookies of a client, kept and sent by RFC 6265bis: who set them, where they go, and when they end.

A cookie that names a domain which is a public suffix ("com", "co.uk") is refused, by the list of the library
`publicsuffixlist` where it is installed; without it, a domain needs a dot in its middle. Cookies live in memory only.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from salver.client.errors import InvalidRequest
from salver.client.url import URL, Origin
from salver.semantics import set_cookie
from salver.semantics.addresses import is_loopback_host, maybe_address

_MOST_PER_DOMAIN = 50  # RFC 6265bis §6.1
_MOST = 3_000
_NEVER_SENT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f;]")  # what would end the cookie, or the field

Key = tuple[str, bool, str, str]


@dataclass(frozen=True, slots=True)
class Cookie:
    """`domain` without a leading dot; `host_only`: sent to that host alone, and not to those below it. `expires` in
    seconds since 1970, None for as long as the client lives."""

    name: str
    value: str
    domain: str
    path: str = "/"
    host_only: bool = True
    secure: bool = False
    http_only: bool = False
    expires: float | None = None
    created: int = 0


class CookieJar:
    """Safe to use from several threads. Iterating gives the cookies that have not ended."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        self._clock = clock
        self._lock = threading.Lock()
        self._cookies: dict[Key, Cookie] = {}
        self._counter = 0

    def __bool__(self) -> bool:
        return bool(self._cookies)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Cookie]:
        now = self._clock()
        with self._lock:
            kept = list(self._cookies.values())
        return (each for each in kept if each.expires is None or each.expires > now)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The value of the cookie set last with this name, whatever its domain."""
        found = [each for each in self if each.name == name]
        return max(found, key=lambda each: each.created).value if found else default

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return any(each.name == name for each in self)

    def set(self, name: str, value: str, domain: str, path: str = "/", **attributes: Any) -> None:
        """Put a cookie in, as if `domain` had set it. `attributes`: of `Cookie`. Raises `InvalidRequest` for what
        cannot be sent."""
        check_pair(name, value)
        self._put(Cookie(name, value, domain.lower().lstrip("."), path, **attributes))

    def clear(self) -> None:
        """Forget every cookie."""
        with self._lock:
            self._cookies.clear()

    # From responses

    def take(self, url: URL, values: list[str]) -> None:
        """Keep what the Set-Cookie lines of a response from `url` set; what breaks the rules is ignored."""
        for value in values:
            cookie = parse_set_cookie(value, url, self._clock())
            if cookie is not None and not self._hides_a_secure_one(cookie, url):
                self._put(cookie)

    def _hides_a_secure_one(self, cookie: Cookie, url: URL) -> bool:
        """§5.7 step 13: what came without TLS must not stand in the way of a cookie that came with it."""
        if cookie.secure or url.origin.scheme == "https":
            return False
        return any(
            each.secure
            and each.name == cookie.name
            and (is_below(cookie.domain, each.domain) or is_below(each.domain, cookie.domain))
            and set_cookie.path_fits(each.path, cookie.path)
            for each in self
        )

    def _put(self, cookie: Cookie) -> None:
        key = _key(cookie)
        now = self._clock()
        with self._lock:
            old = self._cookies.get(key)
            self._counter += 1
            created = old.created if old is not None else self._counter
            self._cookies[key] = replace(cookie, created=created)
            if cookie.expires is not None and cookie.expires <= now:
                del self._cookies[key]
            elif old is None:
                self._make_room(cookie.domain, now)

    def _make_room(self, domain: str, now: float) -> None:
        of_domain = [each for each in self._cookies.values() if each.domain == domain]
        if len(of_domain) > _MOST_PER_DOMAIN:
            self._evict(of_domain, now)
        if len(self._cookies) > _MOST:
            self._evict(list(self._cookies.values()), now)

    def _evict(self, cookies: list[Cookie], now: float) -> None:
        """§5.7: those that have ended first, then the oldest that is not secure, then the oldest."""
        worst = min(cookies, key=lambda each: (each.expires is None or each.expires > now, each.secure, each.created))
        del self._cookies[_key(worst)]

    # For requests

    def header_for(self, url: URL, more: Mapping[str, str] | None = None) -> str:
        """The Cookie field for a request to `url`, "" for none: longer paths first, then the older (§5.8.3). `more`
        goes with this request alone, in the place of a kept one of its name. Raises `InvalidRequest`."""
        for name, value in (more or {}).items():
            check_pair(name, value)
        host, path, secure = url.origin.host, url.path, _is_secure(url.origin)
        fitting = [
            each
            for each in self
            if (secure or not each.secure) and _domain_fits(each, host) and set_cookie.path_fits(each.path, path)
        ]
        fitting.sort(key=lambda each: (-len(each.path), each.created))
        pairs = [(each.name, each.value) for each in fitting if not more or each.name not in more]
        pairs += list((more or {}).items())
        return "; ".join(f"{name}={value}" if name else value for name, value in pairs)


def check_pair(name: str, value: str) -> None:
    """Raises `InvalidRequest` where a cookie would be another one, or several, once it is sent."""
    if _NEVER_SENT.search(name) or _NEVER_SENT.search(value) or "=" in name:
        raise InvalidRequest(f"the cookie {name!r} has a character in it that ends a cookie, or a field")


def _key(cookie: Cookie) -> Key:
    return cookie.domain, cookie.host_only, cookie.path, cookie.name


def parse_set_cookie(text: str, url: URL, now: float) -> Cookie | None:
    """One Set-Cookie line from `url`, None where it is to be ignored. RFC 6265bis §5.6 and §5.7."""
    read = set_cookie.parse_set_cookie(text)
    if read is None:
        return None
    said = read.said()
    host = url.origin.host
    domain = _domain(said.get("domain", ""), host)
    if domain is None:
        return None
    cookie = Cookie(
        read.name,
        read.value,
        domain or host,
        set_cookie.path_of(read, url.path),
        not domain,
        "secure" in said,
        "httponly" in said,
        set_cookie.ends_at(read, now),
    )
    if cookie.secure and not _is_secure(url.origin):
        return None
    return cookie if _prefix_holds(cookie, said) else None


def _domain(attribute: str, host: str) -> str | None:
    """ "" for a cookie of the host alone, None for one that the host may not set."""
    domain = attribute.lower().removeprefix(".")
    if not domain:
        return ""
    try:
        domain = domain.encode("idna").decode("ascii") if not domain.isascii() else domain
    except UnicodeError:
        return None
    if is_address(host):
        return "" if domain == host else None
    if _is_public(domain):
        return "" if domain == host else None
    return domain if is_below(host, domain) else None


def _prefix_holds(cookie: Cookie, given: Mapping[str, str]) -> bool:
    lowered = cookie.name.lower()
    if lowered.startswith("__secure-"):
        return cookie.secure
    if lowered.startswith("__host-"):
        return cookie.secure and cookie.host_only and given.get("path") == "/"
    return not (not cookie.name and cookie.value.lower().startswith(("__secure-", "__host-")))


def _domain_fits(cookie: Cookie, host: str) -> bool:
    if cookie.host_only or is_address(cookie.domain):
        return cookie.domain == host
    return is_below(host, cookie.domain) and not is_address(host)


def is_below(host: str, domain: str) -> bool:
    """§5.1.3, for names: the same, or below it."""
    return host == domain or host.endswith(f".{domain}")


def _is_secure(origin: Origin) -> bool:
    """TLS, or what never leaves this machine and so is as safe (W3C Secure Contexts §3.1)."""
    return origin.scheme == "https" or is_loopback_host(origin.host)


def is_address(host: str) -> bool:
    """It is an IP address, and no name."""
    return maybe_address(host) is not None


def _is_public(domain: str) -> bool:
    domain = domain.rstrip(".")
    suffixes = _public_suffixes()
    if suffixes is None:
        return "." not in domain
    return bool(suffixes.is_public(domain))


@cache
def _public_suffixes() -> Any:
    """Read from disk once, when a cookie first names a domain."""
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return None
    return PublicSuffixList()

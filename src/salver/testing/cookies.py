"""The cookies that a test client keeps and sends back, as a browser would (RFC 6265 §5, with the 2024 draft's limits).

A server's cookie is kept for the host that set it and its path; one that the test sets itself goes everywhere. There is
one site here and no third party, so Domain and SameSite change nothing: what matters of an attribute is when the cookie
ends, where it goes, and whether it may travel in the clear.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass

from salver.semantics import set_cookie
from salver.semantics.set_cookie import path_fits

__all__ = ["Cookies", "ReceivedCookie"]


@dataclass(frozen=True, slots=True)
class ReceivedCookie:
    """One Set-Cookie line. `attributes`: names in lower case; those without a value have "".

    `host` None: any. `ends`: seconds since 1970, None for the end of the session.
    """

    name: str
    value: str
    attributes: dict[str, str]
    host: str | None = None
    path: str = "/"
    ends: float | None = None

    @property
    def secure(self) -> bool:
        """Sent over https alone."""
        return "secure" in self.attributes

    def belongs_to(self, scheme: str, host: str, path: str) -> bool:
        """Whether a browser would send it there (§5.1.3, §5.1.4)."""
        if self.host not in (None, host) or (self.secure and scheme != "https"):
            return False
        return path_fits(self.path, path)


def parse_set_cookie(line: str, host: str | None, request_path: str, now: float) -> ReceivedCookie | None:
    """The cookie that one Set-Cookie line sets (RFC 6265bis §5.6); None for one that browsers ignore."""
    read = set_cookie.parse_set_cookie(line)
    if read is None:
        return None
    attributes = {name: value for name, value in read.attributes if name}
    path, ends = set_cookie.path_of(read, request_path), set_cookie.ends_at(read, now)
    return ReceivedCookie(read.name, read.value, attributes, host, path, ends)


class Cookies(MutableMapping[str, str]):
    """A client's cookies by name; of several with one name, the value that was set last.

    Setting one by name makes a cookie for every host and path; deleting one deletes all that have the name.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str | None, str], ReceivedCookie] = {}

    def __getitem__(self, name: str) -> str:
        found = [cookie for cookie in self.all() if cookie.name == name]
        if not found:
            raise KeyError(name)
        return found[-1].value

    def __setitem__(self, name: str, value: str) -> None:
        self.pop(name, None)
        self._keep(ReceivedCookie(name, value, {}))

    def __delitem__(self, name: str) -> None:
        keys = [key for key, cookie in self._kept.items() if cookie.name == name]
        if not keys:
            raise KeyError(name)
        for key in keys:
            del self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.name for cookie in self.all()))

    def __len__(self) -> int:
        return len({cookie.name for cookie in self.all()})

    def __repr__(self) -> str:
        return f"<Cookies {', '.join(self)}>"  # values are nobody's business in a test's report

    def all(self) -> list[ReceivedCookie]:
        """Those that have not ended, with their attributes, in the order in which they were set."""
        now = time.time()
        return [cookie for cookie in self._kept.values() if cookie.ends is None or cookie.ends > now]

    def receive(self, lines: Iterable[str], scheme: str, host: str, path: str) -> None:
        """Keep what the Set-Cookie `lines` of a response say, and drop what they end. `path`: the request's."""
        now = time.time()
        for line in lines:
            cookie = parse_set_cookie(line, host, path, now)
            if cookie is not None and not (cookie.secure and scheme != "https"):
                self._keep(cookie)

    def _keep(self, cookie: ReceivedCookie) -> None:
        key = (cookie.name, cookie.host, cookie.path)
        self._kept.pop(key, None)
        self._kept[key] = cookie

    def field(self, scheme: str, host: str, path: str, more: Mapping[str, str]) -> str:
        """The value of the Cookie field for a request, "" where there is nothing to send: longer paths first (§5.4),
        and `more` for this request alone, in the place of kept ones of their names."""
        kept = [cookie for cookie in self.all() if cookie.belongs_to(scheme, host, path) and cookie.name not in more]
        matching = [ReceivedCookie(name, value, {}) for name, value in more.items()] + kept
        matching.sort(key=lambda cookie: -len(cookie.path))
        return "; ".join(f"{cookie.name}={cookie.value}" if cookie.name else cookie.value for cookie in matching)

"""Where a request of the test client goes: a path as the test wrote it, or a whole URL, as scheme, host and target.

What a test writes is sent as it is written (dot segments, doubled slashes and all: that is what is tested), but for
characters that no request-target can have, which are percent-encoded as UTF-8.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import quote, urlencode, urljoin

from salver.testing.request_bodies import Pairs, pairs_of

__all__ = ["Place", "place_of"]

# RFC 3986 §3.3 and §3.4, and "%": what is encoded already stays as it is.
_IN_PATH = "/%:@!$&'()*+,;=~"
_IN_QUERY = _IN_PATH + "?"
_ABSOLUTE = re.compile(r"(?P<scheme>https?)://(?P<host>[^/?#]+)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)


class Place(NamedTuple):
    """`host` with its port, where that is not the scheme's own; `target` in origin form, or "*"."""

    scheme: str
    host: str
    target: str

    @property
    def url(self) -> str:
        """As a browser shows it."""
        return f"{self.scheme}://{self.host}{self.target if self.target != '*' else ''}"

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]

    @property
    def host_name(self) -> str:
        """The host without its port, in lower case."""
        return re.sub(r":[0-9]*\Z", "", self.host).lower()

    def follow(self, location: str) -> Place:
        """Where a Location leads from here (RFC 9110 §10.2.2)."""
        return place_of(urljoin(self.url, location), None, self)


def place_of(url: str, params: Pairs | None, base: Place) -> Place:
    """`url` is a path, which begins with "/", or a whole http or https URL; a fragment is left out. `params` come
    behind the query that it has. Raises ValueError for anything else."""
    scheme, host, rest = base.scheme, base.host, url
    absolute = _ABSOLUTE.fullmatch(url)
    if absolute is not None:
        scheme, host, rest = absolute["scheme"].lower(), absolute["host"], absolute["rest"]
        if not rest.startswith("/"):
            rest = "/" + rest
    if rest == "*" and not params:
        return Place(scheme, host, rest)
    if not rest.startswith("/"):
        raise ValueError(f"a request goes to a path that begins with /, or to an http URL, not to {url!r}")
    path, mark, query = rest.partition("#")[0].partition("?")
    target = quote(path, safe=_IN_PATH) + mark + quote(query, safe=_IN_QUERY)
    if params:
        target += ("&" if query else "" if mark else "?") + urlencode(pairs_of(params))
    return Place(scheme, host, target)

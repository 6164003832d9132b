"""Which requests are handed over before they run: what the crew learned, keyed by what is known of the handler.

A handler that names its sites (`Request.enter`) is learned site by site. An opaque one is learned by method and
path; and where path after path turns out to block (`/users/1`, `/users/2` …), a path not seen before is handed over
as well. This file decides; the connection acts.
"""

from __future__ import annotations

from salver.handler import DeclaredSite
from salver.net.learning import SiteTable
from salver.request import Request

# One fresh path in this many must block before fresh paths are handed over: a missed block stalls everybody for
# about 5 ms, a needless hand-over costs about 15 µs.
_FRESH_ODDS = 100
_FRESH_MEMORY = 4_096


class Sites:
    """The learned sites of one server. Safe to use from every crew thread: counters may lose an update, which only
    delays a lesson."""

    __slots__ = ("_always", "_fresh", "_fresh_blocked", "_table", "watchful")

    def __init__(self, table: SiteTable, always: bool | None) -> None:
        """`always`: what the handler says of itself (`HandlerOptions.blocking`)."""
        self._table = table
        self._always = always
        self._fresh = 0
        self._fresh_blocked = 0
        self.watchful = always is True  # there is something to ask; False on the hot path until a first lesson

    def might_block(self, request: Request) -> bool:
        """Whether the request, of which only method and path are known, is handed over."""
        if self._always is not None:
            return self._always
        return self.site_might_block((request.method, request.raw_path)) or self._fresh_might_block()

    def site_might_block(self, site: object) -> bool:
        """Whether a named site is handed over; its own word goes before the handler's."""
        if site.__class__ is DeclaredSite:
            return site.blocking
        return self._always is not False and self._table.might_block(site)

    def has_blocked(self, request: Request) -> bool:
        """Whether the request, which has run, belongs to what blocks."""
        site = request.site
        if site.__class__ is DeclaredSite:
            return site.blocking
        return self._always is True or (self._always is None and self._table.might_block(self._key(request)))

    def learn(self, request: Request) -> None:
        """The request was seen to block the leader."""
        if self._always is not None or request.site.__class__ is DeclaredSite:
            return
        if request.site is None:
            self._count_fresh(blocked=True)
        self._table.learn(self._key(request))
        self.watchful = True

    def observe(self, request: Request, wall: float, cpu: float) -> None:
        """A handed-over request has run: seconds on the wall and of its thread's processor time."""
        key = self._key(request)
        if self._table.might_block(key):
            self._table.observe(key, wall, cpu)
        elif request.site is None:
            blocked = wall - cpu > 0.001
            self._count_fresh(blocked=blocked)
            if blocked:
                self._table.learn(key)

    def passed(self) -> None:
        """A fresh request ran in the leader, and nothing was noticed."""
        self._count_fresh(blocked=False)

    def _key(self, request: Request) -> object:
        return (request.method, request.raw_path) if request.site is None else request.site

    def _fresh_might_block(self) -> bool:
        return self._fresh_blocked >= 4 and self._fresh_blocked * _FRESH_ODDS > self._fresh

    def _count_fresh(self, *, blocked: bool) -> None:
        self._fresh += 1
        self._fresh_blocked += blocked
        if self._fresh > _FRESH_MEMORY:
            self._fresh //= 2
            self._fresh_blocked //= 2

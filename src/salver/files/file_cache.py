"""What is remembered of files: small ones whole, large ones open, and which target led to which.

Two tables. `known` goes from a request's target to what it was found to be, and is trusted for a moment
(`CacheSizes.trust`); then the walk is made again from the root, and a file that is still the same keeps what was made
of it. So a change of any kind (content, permission, a link put in the way) is noticed within that moment, and nothing
has to watch the disk. `entries` holds the files, oldest look-up first, and is bounded in number, bytes and descriptors.

A hit takes no lock and moves nothing: the order is that of the last *walk*, which a hot file makes every moment
anyway, so it comes to the same as least recently used and costs the hit nothing. Everything else is done under one
lock, never while a file is read.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from threading import Lock

from salver.lookup import OpenFile
from salver.representation import Representation


@dataclass(frozen=True, slots=True)
class CacheSizes:
    """How much one folder's cache may hold. Immutable."""

    trust: float = 0.5  # seconds that a look-up counts; what is promised is that changes show within 1 s
    small: int = 65_536  # bytes; larger files are sent from their descriptor
    total: int = 64 * 1024 * 1024  # bytes of content
    files: int = 4_096
    descriptors: int = 512  # and never more than a quarter of what the process may open
    targets: int = 8_192  # spellings and queries that lead to those files

    def __post_init__(self) -> None:
        if min(self.files, self.targets) < 1 or self.total < self.small or self.descriptors < 1:
            raise ValueError("a cache has room for one small file, one large one and one target at least")


class Entry:
    """One file: how it is sent plain, in neighbours compressed beforehand, and in what we compressed.

    `ready` maps the codings that a client takes ("br,gzip") to the representation that was chosen for them. `retired`:
    the cache has let go of it, and no target leads to it any more.
    """

    __slots__ = (
        "compressing",
        "descriptors",
        "fingerprint",
        "names",
        "neighbours",
        "packed",
        "plain",
        "ready",
        "retired",
        "settled",
        "size",
        "targets",
        "worth_packing",
    )

    def __init__(
        self,
        names: tuple[str, ...],
        fingerprint: Hashable,
        plain: Representation,
        neighbours: dict[str, Representation],
    ) -> None:
        """`fingerprint`: the identities of the file and its neighbours. `neighbours`: by coding."""
        self.names = names
        self.fingerprint = fingerprint
        self.plain = plain
        self.neighbours = neighbours
        self.packed: dict[str, Representation] = {}  # by coding, made here; plain itself where packing gains nothing
        self.ready: dict[str | None, Representation] = {}
        self.worth_packing = False
        self.settled = True  # False: changed so lately that another change might leave the same time stamp
        self.retired = False
        self.compressing = Lock()
        self.targets: list[Hashable] = []
        self.size, self.descriptors = _cost((plain, *neighbours.values()))


class Known:
    """What a target led to, and until when (in the cache's clock) that counts."""

    __slots__ = ("entry", "fresh_until", "ready")

    def __init__(self, entry: Entry, fresh_until: float) -> None:
        self.entry = entry
        self.ready = entry.ready
        self.fresh_until = fresh_until


class FileCache:
    """The two tables. Safe to use from several threads; `known` may be read without asking."""

    __slots__ = ("_bytes", "_clock", "_descriptors", "_entries", "_lock", "_most_descriptors", "known", "sizes")

    def __init__(self, sizes: CacheSizes, clock: Callable[[], float] = time.monotonic) -> None:
        self.sizes = sizes
        self.known: dict[Hashable, Known] = {}
        self._clock = clock
        self._lock = Lock()
        self._entries: OrderedDict[tuple[str, ...], Entry] = OrderedDict()
        self._bytes = 0
        self._descriptors = 0
        self._most_descriptors = 0  # until the first file is kept

    def maybe_known(self, target: Hashable) -> Entry | None:
        """What `target` led to, if that still counts."""
        known = self.known.get(target)
        if known is None or known.fresh_until <= self._clock():
            return None
        return known.entry

    def maybe_same(self, names: tuple[str, ...], fingerprint: Hashable) -> Entry | None:
        """The entry of the file under `names`, if it is still this one; where it is not, it is dropped."""
        with self._lock:
            entry = self._entries.get(names)
            if entry is None:
                return None
            if entry.settled and entry.fingerprint == fingerprint:
                self._entries.move_to_end(names)
                return entry
            self._retire(entry)
            return None

    def keep(self, entry: Entry) -> None:
        """Take a new entry in; others make room."""
        with self._lock:
            self._most_descriptors = self._most_descriptors or _descriptor_limit(self.sizes.descriptors)
            before = self._entries.get(entry.names)
            if before is not None:
                self._retire(before)
            self._entries[entry.names] = entry
            self._bytes += entry.size
            self._descriptors += entry.descriptors
            self._make_room()

    def remember(self, target: Hashable, entry: Entry) -> None:
        """`target` has just been found to lead to `entry`."""
        with self._lock:
            if entry.retired:
                return
            before = self.known.get(target)
            if before is None and len(self.known) >= self.sizes.targets:
                self._forget_targets()
            if before is None or before.entry is not entry:
                entry.targets.append(target)
            self.known[target] = Known(entry, self._clock() + self.sizes.trust)

    def add_packed(self, entry: Entry, coding: str, packed: Representation) -> None:
        """Keep what was compressed for an entry."""
        with self._lock:
            entry.packed[coding] = packed
            if packed is not entry.plain and not entry.retired:
                entry.size += packed.size
                self._bytes += packed.size
                self._make_room()

    def let_go(self) -> None:
        """Drop everything: the process has run out of descriptors, and what we hold is the least needed."""
        with self._lock:
            for entry in list(self._entries.values()):
                self._retire(entry)

    def _make_room(self) -> None:
        """Retire the oldest until everything is within bounds; it may be the newest itself."""
        entries, sizes = self._entries, self.sizes
        while (
            self._bytes > sizes.total or self._descriptors > self._most_descriptors or len(entries) > sizes.files
        ) and entries:
            self._retire(next(iter(entries.values())))

    def _retire(self, entry: Entry) -> None:
        entry.retired = True
        del self._entries[entry.names]
        self._bytes -= entry.size
        self._descriptors -= entry.descriptors
        for target in entry.targets:
            known = self.known.get(target)
            if known is not None and known.entry is entry:
                del self.known[target]

    def _forget_targets(self) -> None:
        """The table is full, of queries most likely: begin again. Each target that is still in use costs one walk."""
        self.known.clear()
        for entry in self._entries.values():
            entry.targets.clear()


def _cost(representations: Iterable[Representation]) -> tuple[int, int]:
    """Bytes and descriptors held."""
    size = descriptors = 0
    for each in representations:
        if isinstance(each.content, OpenFile):
            descriptors += 1
        else:
            size += each.size
    return size, descriptors


def _descriptor_limit(wanted: int) -> int:
    """`wanted`, or less where the process may open few files: connections need them more."""
    try:
        import resource
    except ImportError:
        return wanted
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft // 4))

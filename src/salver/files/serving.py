"""What a folder and a single file have in common: from a request to the answer, by way of the cache.

The way of a request that was seen lately is the first few lines of `__call__`: one look-up by its target, one by what
its fields wish for, and a response that is encoded already. Everything else (a first look-up, a condition, a range,
another method, an error) goes the long way below, which is a sequence of small decisions. How a target is turned
into a file is the subclass's.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Hashable

from salver.conditional import answer
from salver.files.file_cache import Entry, FileCache
from salver.files.packing import Packer
from salver.files.settings import FolderSettings
from salver.files.wishes import codings_of, needs_closer_look, wish_of
from salver.lookup import NotServed, OpenFile, Tree
from salver.problem import problem
from salver.representation import Representation, etag_of, last_modified
from salver.request import Request
from salver.response import Response
from salver.semantics.codings import SUFFIXES
from salver.semantics.media_types import MediaTypes, is_compressible

_ALLOWED = ("Allow", "GET, HEAD, OPTIONS")
_DETAILS = {
    400: "The path of this request is malformed.",
    403: "The server may not read this file.",
    404: "There is nothing at this address.",
    503: "The file cannot be read at the moment.",
}
# A file changed so lately (seconds) might change again without getting another time stamp, for coarse file systems.
_UNSETTLED = 2.0
# Characters; longer targets (queries, that is) are looked up each time rather than let fill the memory.
_LONGEST_REMEMBERED = 512


class FileHandler:
    """A Handler that answers with files. Safe to use from several threads; opens nothing before the first request."""

    def __init__(self, tree: Tree, settings: FolderSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds that only go forward; how long a look-up is trusted is measured by it."""
        self._tree = tree
        self._settings = settings
        self._clock = clock
        self._cache = FileCache(settings.cache, clock)
        self._known = self._cache.known
        self._types = MediaTypes(settings.media_types)
        self._packer = Packer(self._cache)
        self._common = settings.common_fields()
        self._fields = settings.file_fields()

    def __call__(self, request: Request) -> Response:
        """The answer to a request; never raises for what a client sends or a disk does."""
        target: Hashable = request.target if not request.prefix else (request.prefix, request.target)
        known = self._known.get(target)
        if known is not None and known.fresh_until > self._clock() and request.method == "GET":
            ready = known.ready.get(request.head.section.notes)
            if ready is not None:
                return ready.whole()
        return self._answer(request, target)

    def _answer(self, request: Request, target: Hashable) -> Response:
        if request.method not in ("GET", "HEAD"):
            return self._other_method(request)
        try:
            found = self._cache.maybe_known(target) or self._find_again(request, target)
        except NotServed as failure:
            return self._failed(request, failure.status)
        if isinstance(found, Response):
            return self._with_common(found)
        wish = wish_of(request.head.section)
        chosen = self._choose(found, codings_of(wish), request)
        if not needs_closer_look(wish):
            return chosen.whole()
        response = answer(request, chosen)
        return self._with_common(response) if response.status >= 400 else response

    def _find_again(self, request: Request, target: Hashable) -> Entry | Response:
        """Look it up, without trusting the cache; where descriptors are short, the cache gives up its own."""
        remembered = target if len(request.target) <= _LONGEST_REMEMBERED else None
        try:
            return self._find(request, remembered)
        except NotServed as failure:
            if failure.status != 503:
                raise
        self._cache.let_go()
        return self._find(request, remembered)

    def _find(self, request: Request, target: Hashable) -> Entry | Response:
        """What the request's path leads to: a file, or an answer that is none. Raises `NotServed`. `target`: what to
        remember it by, None for not at all."""
        raise NotImplementedError

    # Answers that are not files

    def _other_method(self, request: Request) -> Response:
        if request.method != "OPTIONS":
            return self._with_common(problem(request, 405, "Files here are only read.", [_ALLOWED]))
        response = Response(b"", 204, [_ALLOWED])
        if self._settings.cors is not None:  # a preflight (Fetch §3.2.2)
            response.headers["Access-Control-Allow-Methods"] = _ALLOWED[1]
            response.headers["Access-Control-Allow-Headers"] = "*"
            response.headers["Access-Control-Max-Age"] = "600"
        return self._with_common(response)

    def _failed(self, request: Request, status: int) -> Response:
        response = problem(request, status, _DETAILS[status])
        if status == 503:
            response.headers["Retry-After"] = "1"
        return self._with_common(response)

    def _with_common(self, response: Response) -> Response:
        """Give an answer the fields that every one has, for the same that it had; but for Vary, which adds up."""
        headers = response.headers
        for name, _ in self._common:
            if name in headers and name.lower() != "vary":
                del headers[name]
        for name, value in self._common:
            headers.add(name, value)
        return response

    # Files

    def _load(self, target: Hashable | None, names: tuple[str, ...], opened: OpenFile) -> Entry:
        """The entry of an open file, from the cache if it is still the same; `target` is what led to it, None where
        something else than the target decided."""
        content_type = self._types.of(names[-1])
        compressible = self._settings.compress and is_compressible(content_type)
        neighbours = self._neighbours(names, opened) if compressible else {}
        fingerprint = (opened.identity, *((coding, each.identity) for coding, each in neighbours.items()))
        entry = self._cache.maybe_same(names, fingerprint)
        if entry is None:
            entry = self._entry(names, fingerprint, opened, neighbours, content_type)
            self._cache.keep(entry)
        if target is not None:
            self._cache.remember(target, entry)
        return entry

    def _neighbours(self, names: tuple[str, ...], opened: OpenFile) -> dict[str, OpenFile]:
        """The files beside it that hold it compressed, by coding; an older one is of an older version."""
        found = {}
        for coding, suffix in SUFFIXES.items():
            try:
                neighbour = self._tree.open((*names[:-1], names[-1] + suffix))
            except NotServed:
                continue
            if not neighbour.is_folder and neighbour.status.st_mtime_ns >= opened.status.st_mtime_ns:
                found[coding] = neighbour
        return found

    def _entry(
        self,
        names: tuple[str, ...],
        fingerprint: Hashable,
        opened: OpenFile,
        neighbours: dict[str, OpenFile],
        content_type: str,
    ) -> Entry:
        packs = self._settings.compress and self._packer.is_worth(content_type, opened.status.st_size)
        fields = self._fields if not (packs or neighbours) else (*self._fields, ("Vary", "Accept-Encoding"))
        plain = self._represent(opened, content_type, fields)
        packed = {
            coding: self._represent(each, content_type, (("Content-Encoding", coding), *fields))
            for coding, each in neighbours.items()
        }
        entry = Entry(names, fingerprint, plain, packed)
        entry.worth_packing = packs
        entry.settled = not -1.0 < time.time() - opened.status.st_mtime < _UNSETTLED
        return entry

    def _represent(self, opened: OpenFile, content_type: str, fields: tuple[tuple[str, str], ...]) -> Representation:
        """Small files are read here; one that will not hold still is sent from its descriptor."""
        content: bytes | OpenFile = opened
        if opened.status.st_size <= self._settings.cache.small:
            try:
                data = opened.read()
            except OSError as error:
                raise NotServed(403 if error.errno == errno.EACCES else 503) from None
            content = opened if data is None else data
        return Representation(content, content_type, etag_of(opened), last_modified(opened), fields)

    def _choose(self, entry: Entry, codings: str, request: Request) -> Representation:
        """The representation for a client that takes `codings`."""
        ready = entry.ready.get(codings)
        if ready is not None:
            return ready
        for coding in codings.split(","):
            if coding in entry.neighbours:
                chosen = entry.ready[codings] = entry.neighbours[coding]
                return chosen
        if not (codings and entry.worth_packing):
            chosen = entry.ready[codings] = entry.plain
            return chosen
        return self._packer.choose(entry, codings, request)

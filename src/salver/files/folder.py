"""A folder as a Handler.

The path is taken apart by `semantics.urls`, walked by `lookup`, remembered by `file_cache`; here is what those do not
know: what is hidden, what a folder's own address answers, and what a single-page application wants.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from salver.files.file_cache import Entry
from salver.files.serving import FileHandler
from salver.files.settings import FolderSettings
from salver.lookup import NotServed, OpenFile, Tree
from salver.request import Request
from salver.response import Response
from salver.semantics.negotiation import best_type
from salver.semantics.urls import decode_segment, is_well_formed_path, quote_segment, split_path

Names = tuple[str, ...]


class Folder(FileHandler):
    """Serves what lies under `root`: `Folder("site", spa=True)`. Safe to use from several threads.

    Nothing is opened before the first request; a root that is not there answers 404 until it is.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        settings: FolderSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        **changes: Any,
    ) -> None:
        """`changes`: members of `FolderSettings`, by name. Raises TypeError, ValueError or `LocalProtocolError` for
        settings that cannot be meant. `clock` as in `FileHandler`."""
        settings = replace(settings or FolderSettings(), **changes)
        root = os.fspath(root)
        super().__init__(Tree(root, follow_symlinks=settings.follow_symlinks), settings, clock)
        self._title = settings.title if settings.title is not None else os.path.basename(os.path.abspath(root)) or "/"

    def _find(self, request: Request, target: Hashable) -> Entry | Response:
        path = request.raw_path[len(request.prefix) :]
        if not path:
            return _with_slash(request)  # the mount itself, without its slash
        names = split_path(path)
        if names is None:
            raise NotServed(404 if is_well_formed_path(path) else 400)
        if not self._settings.hidden and any(name.startswith(".") for name in names):
            raise NotServed
        try:
            return self._find_names(request, target, names)
        except NotServed as failure:
            if failure.status != 404 or not self._is_page(request, names):
                raise
        return self._load_index((), None) or _not_served()

    def _find_names(self, request: Request, target: Hashable, names: Names) -> Entry | Response:
        wants_folder = not names[-1]
        if wants_folder:
            names = names[:-1]
        opened = self._tree.open(names)
        if opened.is_folder:
            return self._folder(request, target, names, opened) if wants_folder else _with_slash(request)
        if wants_folder:
            raise NotServed
        return self._load(target, names, opened)

    def _folder(self, request: Request, target: Hashable, names: Names, opened: OpenFile) -> Entry | Response:
        index = self._load_index(names, target)
        if index is not None:
            return index
        listing, settings = self._settings.listing, self._settings
        if listing is None:
            raise NotServed
        request.hand_over()
        try:
            return listing(request, opened.fd, hidden=settings.hidden, title=self._title, follow=self._follow(names))
        except OSError:
            raise NotServed(503) from None

    def _load_index(self, names: Names, target: Hashable | None) -> Entry | None:
        """The first index file that is in the folder."""
        for index in self._settings.index:
            try:
                opened = self._tree.open((*names, index))
            except NotServed as failure:
                if failure.status != 404:
                    raise
            else:
                if not opened.is_folder:
                    return self._load(target, (*names, index), opened)
        return None

    def _follow(self, names: Names) -> Callable[[str], os.stat_result | None]:
        return lambda name: self._tree.status((*names, name))

    def _is_page(self, request: Request, names: Names) -> bool:
        """Is what is not there a page of a single-page application: a browser asks, and the name has no suffix?"""
        if not self._settings.spa or "." in names[-1]:
            return False
        accept = request.headers.get("accept")
        return accept is not None and best_type(accept, ("text/html",)) is not None


def _not_served() -> Entry:
    raise NotServed


def _with_slash(request: Request) -> Response:
    """The address of a folder, said relatively: whatever Host, scheme, proxy or mount the client came by, it finds
    the folder beside the name it asked for, and no Location can lead elsewhere. The query is kept."""
    last = request.raw_path.rpartition("/")[2]
    location = quote_segment(decode_segment(last)) + "/"
    query = request.query_string
    return Response(b"", 301, [("Location", location + ("?" + query if query else ""))])

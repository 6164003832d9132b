"""One file as a Handler: at "/" and at its own name, and nothing else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

from salver.files.file_cache import Entry
from salver.files.serving import FileHandler
from salver.files.settings import FolderSettings
from salver.lookup import NotServed, Tree
from salver.request import Request
from salver.response import Response
from salver.semantics.urls import is_well_formed_path, split_path


class SingleFile(FileHandler):
    """Serves the file `path`, whatever links lead to it, at "/" and "/name". Safe to use from several threads.

    Of the settings those count that are about files: compress, cache_seconds, cors, extra_headers, media_types.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: FolderSettings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        **changes: Any,
    ) -> None:
        """`changes`: members of `FolderSettings`, by name. Raises as `Folder` does, and ValueError for a path that
        names no file ("", "folder/")."""
        folder, self._name = os.path.split(os.fspath(path))
        if not self._name:
            raise ValueError(f"{os.fspath(path)!r} names no file")
        tree = Tree(folder or ".", follow_symlinks=True)
        super().__init__(tree, replace(settings or FolderSettings(), **changes), clock)

    def _find(self, request: Request, target: Hashable) -> Entry | Response:
        path = request.raw_path[len(request.prefix) :]
        names = ("",) if not path else split_path(path)
        if names is None:
            raise NotServed(404 if is_well_formed_path(path) else 400)
        if names not in (("",), (self._name,)):
            raise NotServed
        opened = self._tree.open((self._name,))
        if opened.is_folder:
            raise NotServed
        return self._load(target, (self._name,), opened)

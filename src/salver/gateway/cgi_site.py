"""A site with folders of scripts in it: the path decides, segment by segment and decoded once, who answers.

What lies in such a folder must not be had from the handler beside it, or a script's source could be read. So a path is
taken for the scripts' as soon as its segments are theirs once decoded (`/%63gi-bin/x.py`), and refused where they
differ in case alone, which on some file systems is no difference. Every other way of writing it (`//`, `.`, `..`, %2f)
is none that a folder takes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from salver.gateway.cgi import CGIFolder
from salver.gateway.cgi_settings import CGISettings
from salver.handler import Handler, HandlerOptions, as_response, options_of
from salver.problem import problem
from salver.request import Request
from salver.response import Response
from salver.semantics.urls import decode_segment, is_plain_name


class CGISite:
    """`CGISite(Folder("site"), {"/cgi-bin": "site/cgi-bin"})`: scripts where they are, everything else from
    `elsewhere`. Safe to use from several threads."""

    def __init__(
        self,
        elsewhere: Handler,
        folders: Mapping[str, str | os.PathLike[str]],
        settings: CGISettings | None = None,
        **changes: Any,
    ) -> None:
        """`folders`: by the path they are at, decoded and without a slash at its end. `changes`: members of
        `CGISettings`, by name. Raises ValueError for a path that cannot be one."""
        self._elsewhere = elsewhere
        self._folders: dict[tuple[str, ...], CGIFolder] = {}
        for path, root in folders.items():
            names = tuple(path[1:].split("/"))
            if not path.startswith("/") or not all(map(is_plain_name, names)):
                raise ValueError(f"{path!r} is not the path of a folder, like /cgi-bin")
            self._folders[names] = CGIFolder(root, settings, local=self, up=len(names), **changes)
        self._most = max((len(names) for names in self._folders), default=0)
        self._folded = {_folded(names) for names in self._folders}

    def __call__(self, request: Request) -> Response:
        """The answer of whoever the path belongs to."""
        found = self._maybe_scripts(request)
        if found is None:
            return as_response(self._elsewhere(request))
        if isinstance(found, Response):
            return found
        length, folder = found
        rest = request.raw_path[len(request.prefix) + 1 :]
        request.prefix += "/" + "/".join(rest.split("/")[:length])
        return folder(request)

    def salver_options_for(self, request: Request) -> HandlerOptions:
        """How the request's own handler wants to be run."""
        found = self._maybe_scripts(request)
        return options_of(self._elsewhere, request) if not isinstance(found, tuple) else found[1].salver_options

    def _maybe_scripts(self, request: Request) -> tuple[int, CGIFolder] | Response | None:
        """The folder of scripts that the path leads into, with how many segments it takes."""
        path = request.raw_path[len(request.prefix) :]
        names = tuple(decode_segment(segment) for segment in path[1:].split("/", self._most)[: self._most])
        for length in range(len(names), 0, -1):
            folder = self._folders.get(names[:length])
            if folder is not None:
                return length, folder
            if _folded(names[:length]) in self._folded:
                return problem(request, 404)
        return None


def _folded(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.casefold() for name in names)

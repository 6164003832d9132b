"""CGI (RFC 3875) as Handlers: a folder of scripts, or one script.

These two find the script and follow its local redirects; `cgi_lookup` reads the path, `cgi_runner` does the work.
Nothing under the folder is ever sent as it lies there: what is not run is 403 or 404.
"""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any

from salver.gateway.cgi_lookup import KnownScripts, NoScript, Script, command_of, path_info
from salver.gateway.cgi_runner import Redirected, Runner, redirects_of
from salver.gateway.cgi_settings import CGISettings
from salver.handler import Handler, HandlerOptions, as_response
from salver.problem import problem
from salver.request import Request
from salver.response import Response
from salver.semantics.urls import decode_segment, is_well_formed_path

logger = logging.getLogger("salver.cgi")

_MOST_REDIRECTS = 10


class _CGIHandler(ABC):
    """What a folder of scripts and a single one have in common. Safe to use from several threads."""

    def __init__(self, settings: CGISettings, local: Handler | None, up: int) -> None:
        self._settings = settings
        self._local = local
        self._up = up
        self._runner = Runner(settings)
        self.salver_options = HandlerOptions(stream_body=True, max_body=settings.max_body)

    def __call__(self, request: Request) -> Response:
        """Run the script that the path names. Raises `RequestBodyError` where the request's body cannot be had."""
        if request.method in ("TRACE", "CONNECT"):  # RFC 9110 §9.3.8: a script would repeat what it must not see
            return problem(request, 405, headers=[("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")])
        try:
            script = self._find(request)
        except NoScript as failure:
            return problem(request, failure.status)
        answer = self._runner.run(request, script)
        return answer if isinstance(answer, Response) else self._redirect(request, answer)

    @abstractmethod
    def _find(self, request: Request) -> Script:
        """The script to run. Raises `NoScript`."""

    def _redirect(self, request: Request, target: str) -> Response:
        """RFC 3875 §6.2.2: what a client would get that asked for `target`. Where nobody here answers for it, the
        client is sent there."""
        if redirects_of(request) >= _MOST_REDIRECTS or not is_well_formed_path(target.partition("?")[0]):
            logger.warning("a script redirects without end, or to nowhere: %r", target[:200])
            return problem(request, 502, "The script did not answer as it should.")
        there = Redirected(request, target)
        there.prefix = request.prefix if self._local is None else request.prefix.rsplit("/", self._up)[0]
        if not target.startswith(there.prefix + "/"):
            return Response(b"", 302, [("Location", target)])
        return self(there) if self._local is None else as_response(self._local(there))


class CGIFolder(_CGIHandler):
    """Runs what lies under `root`: `CGIFolder("cgi-bin", timeout=60)`, mounted somewhere or alone.

    What the path names behind the mount is run if it has the run bit, is a Python script, or has an interpreter in
    the settings; the first file on the way is the script, and the rest of the path its PATH_INFO.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        settings: CGISettings | None = None,
        *,
        local: Handler | None = None,
        up: int = 1,
        **changes: Any,
    ) -> None:
        """`changes`: members of `CGISettings`, by name. `local`: who answers local redirects, usually the site that
        this is a part of; `up`: how many segments of our mount are not part of its own. None for this folder alone,
        which sends the client to what is not under it. Raises TypeError or ValueError for settings that cannot be."""
        settings = replace(settings or CGISettings(), **changes)
        root = os.path.abspath(root)
        settings = replace(settings, document_root=settings.document_root or root)
        self._scripts = KnownScripts(root, settings)
        super().__init__(settings, local, up)

    def _find(self, request: Request) -> Script:
        return self._scripts.find(request.prefix, request.raw_path[len(request.prefix) :])


class CGIScript(_CGIHandler):
    """Runs the script at `path`, whatever links lead to it, for every request: `CGIScript("/usr/lib/git-core/
    git-http-backend", environment={…})`. All of the path behind the mount is its PATH_INFO."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: CGISettings | None = None,
        *,
        local: Handler | None = None,
        up: int = 1,
        **changes: Any,
    ) -> None:
        """As for `CGIFolder`."""
        super().__init__(replace(settings or CGISettings(), **changes), local, up)
        self._path = os.path.abspath(path)

    def _find(self, request: Request) -> Script:
        if not is_well_formed_path(request.raw_path):
            raise NoScript(400)
        rest = request.raw_path[len(request.prefix) :]
        info = path_info(rest[1:].split("/")) if rest.startswith("/") else ""
        if not os.path.isfile(self._path):
            raise NoScript
        command = command_of(self._path, self._settings)
        return Script(self._path, command, decode_segment(request.prefix), info)

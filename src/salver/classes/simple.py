"""`SimpleHTTPRequestHandler`: files from a folder, through the same methods as in the standard library.

What may be overridden there may be overridden here, and is then called. Where nothing is, and the class speaks
HTTP/1.1, a folder of `salver.files` answers instead, which remembers what it opened, knows ranges and entity tags, and
follows no link out. The methods themselves are the standard library's but for these: a path that climbs, or that a
file system cannot have, is 404; a link that leads out of the folder is not followed; a large file goes by sendfile.
"""

from __future__ import annotations

import http.server as _http
import io
import os
from functools import lru_cache
from typing import Any

from salver.classes.http_handler import BaseHTTPRequestHandler
from salver.classes.writing import ResponseWriter
from salver.files import Folder
from salver.response import Response

_HOOKS = (
    "send_head",
    "translate_path",
    "guess_type",
    "copyfile",
    "list_directory",
    "send_response",
    "send_response_only",
    "send_header",
    "end_headers",
    "flush_headers",
    "send_error",
    "version_string",
    "date_time_string",
    "do_GET",
    "do_HEAD",
    "index_pages",
    "extensions_map",
    "error_message_format",
    "error_content_type",
    "responses",
    "server_version",
    "sys_version",
    "follow_symlinks",
)


class SimpleHTTPRequestHandler(BaseHTTPRequestHandler, _http.SimpleHTTPRequestHandler):
    """`http.server.SimpleHTTPRequestHandler`."""

    server_version = "Salver"
    index_pages = ("index.html", "index.htm")

    #: Serve links that lead out of the folder.
    follow_symlinks = False

    def __init__(self, *args: Any, directory: str | os.PathLike[str] | None = None, **kwargs: Any) -> None:
        """`directory`: what is served, the current folder if None."""
        self.directory = os.fspath(os.getcwd() if directory is None else directory)
        BaseHTTPRequestHandler.__init__(self, *args, **kwargs)

    def do_GET(self) -> Any:
        if self._may_use_folder():
            return self._by_folder()
        file = self.send_head()
        if file:
            try:
                self.copyfile(file, self.wfile)
            finally:
                file.close()
        return None

    def do_HEAD(self) -> Any:
        if self._may_use_folder():
            return self._by_folder()
        file = self.send_head()
        if file:
            file.close()
        return None

    def _may_use_folder(self) -> bool:
        return self._request is not None and self.protocol_version >= "HTTP/1.1" and is_plain(type(self))  # type: ignore[arg-type]  # a class is hashable

    def _by_folder(self) -> Response:
        response = _folder(self.directory, tuple(self.index_pages))(self._request)
        self.log_request(response.status)
        return response

    def send_head(self) -> Any:
        """As the standard library's; nothing that is outside of the folder, or cannot be a path, is looked at."""
        path = self.translate_path(self.path)
        if "\0" in path or (not self.follow_symlinks and not self._is_inside(path)):
            self.send_error(404, "File not found")
            return None
        try:
            return super().send_head()
        except (ValueError, OSError) as error:
            if self._head_is_open or (self.wfile.__class__ is ResponseWriter and self.wfile.has_begun):
                raise
            self.log_error("cannot serve %r: %s", self.path, error)
            self.send_error(404, "File not found")
            return None

    def _is_inside(self, path: str) -> bool:
        """Whether no link leads from the folder to somewhere else. A `translate_path` of the class's own may point
        where it likes; what is below that, still stays there."""
        root = os.path.realpath(self.directory)
        real = os.path.realpath(path)
        if real == root or real.startswith(os.path.join(root, "")):
            return True
        return not os.path.abspath(path).startswith(os.path.join(os.path.abspath(self.directory), ""))

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Copy an open file to `outputfile`; by sendfile where both are what they usually are."""
        usual = outputfile.__class__ is ResponseWriter and isinstance(source, io.BufferedReader)
        if not (usual and outputfile.send_file(source)):
            super().copyfile(source, outputfile)


@lru_cache(256)
def is_plain(handler_class: type[SimpleHTTPRequestHandler]) -> bool:
    """Whether a class changes nothing of how files are served."""
    plain = SimpleHTTPRequestHandler
    return all(getattr(handler_class, name, None) is getattr(plain, name, None) for name in _HOOKS)


@lru_cache(64)
def _folder(directory: str, index: tuple[str, ...]) -> Folder:
    return Folder(directory, index=index, compress=False, hidden=True)

"""`SimpleHTTPRequestHandler`: files from a folder, through the same methods as in the standard library.

What may be overridden there may be overridden here, and is then called. Where nothing is, and the class speaks
HTTP/1.1, a folder of `salver.files` answers instead, which remembers what it opened, knows ranges and entity tags, and
follows no link out. The methods themselves are the standard library's but for these: a path that climbs, or that a
file system cannot have, is 404; a link that leads out of the folder is not followed; a large file goes by sendfile.
"""

from __future__ import annotations

import http.server as _http
import io
import mimetypes
import os
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from salver.classes.http_handler import BaseHTTPRequestHandler
from salver.classes.writing import ResponseWriter
from salver.files import Folder
from salver.request import Request
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
    "default_content_type",
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

    #: The type of a file whose name tells none (Python 3.15).
    default_content_type = "application/octet-stream"
    #: Serve links that lead out of the folder.
    follow_symlinks = False

    _is_serving = False  # the head under way is that of a file or a listing

    def __init__(
        self,
        *args: Any,
        directory: str | os.PathLike[str] | None = None,
        extra_response_headers: Sequence[tuple[str, str]] | None = None,
        **kwargs: Any,
    ) -> None:
        """`directory`: what is served, the current folder if None. `extra_response_headers` (Python 3.15): fields, as
        names and values, of every file and listing that is sent with status 200."""
        self.directory = os.fspath(os.getcwd() if directory is None else directory)
        self.extra_response_headers = extra_response_headers
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
        if self._request is None or self.extra_response_headers or self.protocol_version < "HTTP/1.1":
            return False
        return is_plain(type(self))  # type: ignore[arg-type]  # a class is hashable

    def _by_folder(self) -> Response:
        response = _folder(self.directory, tuple(self.index_pages))(self._request)
        status = response.status
        if status >= 400:
            message = "File not found" if status == 404 else self.responses[status][0]
            self.log_error("code %d, message %s", status, message)
        self.log_request(status)
        return response

    def send_head(self) -> Any:
        """As the standard library's; nothing that is outside of the folder, or cannot be a path, is looked at."""
        path = self.translate_path(self.path)
        if "\0" in path or (not self.follow_symlinks and not all(map(self._is_inside, _with_index(self, path)))):
            self.send_error(404, "File not found")
            return None
        if self._request is not None and self._request.prefix and self._leads_to_slash(self._request, path):
            return None
        self._is_serving = True
        try:
            return super().send_head()
        except (ValueError, OSError) as error:
            if self._head_is_open or (self.wfile.__class__ is ResponseWriter and self.wfile.has_begun):
                raise
            self.log_error("cannot serve %r: %s", self.path, error)
            self.send_error(404, "File not found")
            return None
        finally:
            self._is_serving = False

    def _leads_to_slash(self, request: Request, path: str) -> bool:
        """Send on to a folder's own path, where this is one without its slash. Relative, because the standard library's
        redirect begins at the root and knows of no prefix."""
        name = request.raw_path.rpartition("/")[2]
        if not name or not os.path.isdir(path):
            return False
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        query = request.query_string
        self.send_header("Location", f"./{name}/?{query}" if query else f"./{name}/")
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def end_headers(self) -> None:
        """End the head, behind the extra fields that a file has."""
        if self._is_serving and self.extra_response_headers and self._own_framing().status == 200:
            for name, value in self.extra_response_headers:
                self.send_header(name, value)
        super().end_headers()

    def guess_type(self, path: Any) -> str:
        """The media type of a file, by its name."""
        guessed: str = super().guess_type(path)
        if guessed != "application/octet-stream" or self.default_content_type == guessed or _has_type(self, path):
            return guessed
        return self.default_content_type

    def _is_inside(self, path: str) -> bool:
        """Whether no link leads from the folder to somewhere else. A `translate_path` of the class's own may point
        where it likes; what is below that, still stays there."""
        if _is_without_links(self.directory, path):  # `realpath` asks for each folder on the way here, twice
            return True
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


def _with_index(handler: SimpleHTTPRequestHandler, path: str) -> list[str]:
    """What may be opened for `path`: itself, and the index files of a folder. The standard library's own names count
    too, because `index_pages` means nothing to it before Python 3.12."""
    if not os.path.isdir(path):
        return [path]
    names = dict.fromkeys((*handler.index_pages, *SimpleHTTPRequestHandler.index_pages))
    return [path, *filter(os.path.isfile, (os.path.join(path, name) for name in names))]


def _is_without_links(folder: str, path: str) -> bool:
    """Whether `path` is `folder` or below it, and nothing on the way from there is a link."""
    below = os.path.join(folder, "")
    if not path.startswith(below):
        return False
    here = folder
    for name in path[len(below) :].split(os.sep):
        here = os.path.join(here, name)
        if name == os.pardir or os.path.islink(here):
            return False
    return True


def _has_type(handler: SimpleHTTPRequestHandler, path: Any) -> bool:
    """Whether somebody says of such files that they are octets, and nothing else."""
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    return suffix in handler.extensions_map or mimetypes.guess_type(os.fspath(path))[0] is not None


@lru_cache(256)
def is_plain(handler_class: type[SimpleHTTPRequestHandler]) -> bool:
    """Whether a class changes nothing of how files are served."""
    plain = SimpleHTTPRequestHandler
    return all(getattr(handler_class, name, None) is getattr(plain, name, None) for name in _HOOKS)


@lru_cache(64)
def _folder(directory: str, index: tuple[str, ...]) -> Folder:
    return Folder(directory, index=index, compress=False, hidden=True)

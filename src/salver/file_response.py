"""A file as the answer of a handler: sent by sendfile, with the conditions and ranges that folders of files have.

The file is opened when the response is made, and everything that is said of it comes from that descriptor. What a
request makes of it (304, 206, 416) is worked out when whoever runs the handler turns its result into the answer, so
that headers and cookies may be set before.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Union

from salver.conditional import conditional
from salver.lookup import NotServed, OpenFile, Tree
from salver.representation import etag_of, last_modified
from salver.response import HeadersLike, HTTPError, Response
from salver.semantics.dates import format_date
from salver.semantics.filenames import content_disposition
from salver.semantics.media_types import MediaTypes
from salver.semantics.urls import is_plain_name

if TYPE_CHECKING:
    from salver.request import Request

Source = Union[str, "os.PathLike[str]", BinaryIO]

_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_PIECE = 65_536  # bytes


class FileResponse(Response):
    """An open file as a 200; `answered` is what a request gets of it."""

    __slots__ = ("_opened",)

    def __init__(self, opened: OpenFile, headers: HeadersLike | None, content_type: str) -> None:
        """Takes `opened` over."""
        super().__init__(opened.segment(0, opened.status.st_size), 200, headers, content_type=content_type)
        self._opened = opened
        own = [("ETag", etag_of(opened)), ("Accept-Ranges", "bytes")]
        try:
            own.append(("Last-Modified", format_date(last_modified(opened))))
        except (ValueError, OverflowError, OSError):  # a time that no HTTP date can say
            pass
        for name, value in own:
            if name not in self.headers:
                self.headers.add(name, value)

    def conditional(self, request: Request) -> Response:
        """See `Response.conditional`."""
        return conditional(request, self, self._opened)

    def answered(self, request: Request) -> Response:
        """See `Response.answered`."""
        return conditional(request, self, self._opened)


def file_response(
    source: Source,
    under: str | os.PathLike[str] | None,
    headers: HeadersLike | None,
    content_type: str | None,
    cache_seconds: int | None,
    download_name: str | None,
    disposition: str,
) -> Response:
    """See `Response.file`."""
    name = _name_of(source)
    media_type = content_type or MediaTypes().of(download_name or name)
    if isinstance(source, (str, os.PathLike)):
        opened = _open(os.fspath(source)) if under is None else _open_under(os.fspath(under), os.fspath(source))
        response: Response = FileResponse(opened, headers, media_type)
    else:
        response = _of_open_file(source, headers, media_type)
    if cache_seconds is not None:
        response.headers["Cache-Control"] = f"max-age={cache_seconds}"
    if download_name is not None or disposition != "attachment":
        response.headers["Content-Disposition"] = content_disposition(disposition, download_name or name)
    if "X-Content-Type-Options" not in response.headers:
        response.headers.add("X-Content-Type-Options", "nosniff")
    return response


def _name_of(source: Source) -> str:
    path = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", "")
    return os.path.basename(os.fspath(path)) if isinstance(path, (str, os.PathLike)) else ""


def _open(path: str) -> OpenFile:
    """The file at a path of the application's own, wherever links lead."""
    try:
        opened = OpenFile(os.open(path, _OPEN))
    except NotServed:
        raise OSError(errno.EINVAL, "neither a file nor a folder", path) from None
    if opened.is_folder:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    return opened


def _open_under(root: str, path: str) -> OpenFile:
    """The file that a client may have named, below `root` and nowhere else."""
    names = path.split("/")
    if not all(is_plain_name(name) and not name.startswith(".") for name in names):
        raise HTTPError(404)
    try:
        opened = Tree(root).open(names)
    except NotServed as failure:
        raise HTTPError(failure.status) from None
    if opened.is_folder:
        raise HTTPError(404)
    return opened


def _of_open_file(source: BinaryIO, headers: HeadersLike | None, content_type: str) -> Response:
    """An open binary file from where it stands: a regular one at its beginning has all that a path has, one in memory
    is sent in one piece, any other as it is read."""
    if isinstance(source, io.BytesIO):
        return Response(source.read(), 200, headers, content_type=content_type)
    try:
        fd = os.dup(source.fileno()) if not source.tell() else -1
    except (OSError, ValueError, AttributeError):  # a pipe, a decompressor, something of one's own
        fd = -1
    if fd >= 0:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return FileResponse(OpenFile(fd), headers, content_type)
        os.close(fd)
    return Response(_Pieces(source), 200, headers, content_type=content_type)


class _Pieces:
    """A file read piece by piece, and closed at the end."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.close = source.close

    def __iter__(self) -> Iterator[bytes]:
        read: Any = self._source.read
        return iter(lambda: read(_PIECE), b"")

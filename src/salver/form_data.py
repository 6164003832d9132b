"""The forms of a request's body, read into text fields and files.

Urlencoded forms are read by ours; `multipart/form-data` is taken apart by the library `multipart` (the extra `forms`),
which is fed the body as it comes and gives back headers and bytes. What is counted, kept and refused is decided here:
text in memory, small files in memory, larger ones in files without a name. A form that fails leaves nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salver.content import Fields, body_pieces, content_type_of, refusal, whole_body
from salver.protocol.errors import RemoteProtocolError
from salver.semantics.filenames import maybe_extended_filename
from salver.semantics.forms import MAX_PAIRS, parse_urlencoded
from salver.spool import Spool
from salver.uploads import Upload

if TYPE_CHECKING:
    from salver.request import Request
    from salver.response import HTTPError

KIB, MIB = 1024, 1024 * 1024

# RFC 2046 §5.1.1: 1 to 70 characters, the last no blank; any visible one, since clients are not strict about which.
_BOUNDARY = re.compile(r"[\x20-\x7e]{0,69}[\x21-\x7e]")
# What text may be sent in (RFC 7578 §4.6); nothing else, since Python's codecs are not all for text, nor all fast.
_CHARSETS = frozenset(("utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252"))
_HEADER_LINES = 16  # RFC 7578 §4.8 knows three

Form = tuple[Fields[str], Fields[Upload]]


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may have. Immutable; share it freely. Bytes, or counts."""

    parts: int = MAX_PAIRS  # pairs or parts, fields and files together; past it 413
    text: int = 4 * MIB  # of all text fields of a multipart form together; past it 413
    file: int | None = None  # of one file; past it 413; None: as long as the body may be
    files_on_disk: int = 250  # files too large for the memory, each of which takes a descriptor; past it 413
    file_in_memory: int = 64 * KIB  # of one file; a larger one goes to a temporary file
    in_memory: int = 4 * MIB  # of all files that stay in memory; past it each goes to a temporary file
    header_line: int = 4 * KIB  # in the header of a part; past it 400
    unpacked: int = 16 * MIB  # of a body with a content coding; past it 413


DEFAULT_LIMITS = FormLimits()


def form_of(request: Request, folder: str | os.PathLike[str] | None, limits: FormLimits | None) -> Form | HTTPError:
    """See `Request.read_form`. The refusal of a form is returned, not raised: the request keeps it, and an exception
    that has been raised would keep, by its traceback, what had been read until then."""
    limits = limits or DEFAULT_LIMITS
    media_type, parameters = content_type_of(request)
    try:
        if media_type == "application/x-www-form-urlencoded":
            return Fields(parse_urlencoded(whole_body(request, limits.unpacked), limits.parts)), Fields()
        if media_type != "multipart/form-data":
            return Fields(), Fields()
        boundary = parameters.get("boundary", "")
        if not _BOUNDARY.fullmatch(boundary):
            raise RemoteProtocolError("multipart/form-data needs a boundary of 1 to 70 characters")
        if not 0 <= request.head.section.body_length <= MIB:
            request.hand_over()  # disks block, and so much takes its time
        reader = _MultipartReader(limits, None if folder is None else os.fspath(folder))
        return reader.read(body_pieces(request, limits.unpacked), boundary)
    except RemoteProtocolError as error:
        return refusal(error)


def _library() -> Any:
    """The library's parser and its error."""
    try:
        from multipart import MultipartError, PushMultipartParser
    except ImportError:
        raise ImportError('multipart forms need the library "multipart": pip install "salver[forms]"') from None
    return PushMultipartParser, MultipartError


class _MultipartReader:
    """One multipart form being read. Raises `RemoteProtocolError` with a hint for what is refused."""

    def __init__(self, limits: FormLimits, folder: str | None) -> None:
        self._limits = limits
        self._folder = folder
        self._fields: list[tuple[str, str]] = []
        self._files: list[tuple[str, Upload]] = []
        self._parts = 0
        self._text = 0  # bytes of text fields
        self._in_memory = 0  # bytes of files in memory
        self._on_disk = 0  # files that are not
        self._segment: Any = None  # the part in hand, as the library describes it
        self._filename: str | None = None  # of the part in hand; None where it is a text field
        self._spool: Spool | None = None  # of the file in hand
        self._value: list[bytes] = []  # of the text field in hand

    def read(self, pieces: Iterable[bytes], boundary: str) -> Form:
        """The fields and the files. What `pieces` raise passes."""
        parser_of, error_of = _library()
        parser = parser_of(boundary, max_header_size=self._limits.header_line, max_header_count=_HEADER_LINES)
        try:
            for piece in pieces:
                for event in parser.parse(piece):
                    if event.__class__ is bytes:
                        self._take(event)
                    elif event is None:
                        self._end()
                    else:
                        self._begin(event)
            parser.close()
        except error_of as error:
            self._let_go()  # now: the library's error and its parser refer to each other, and to this by the traceback
            raise RemoteProtocolError(f"the form is malformed: {error}") from None
        return Fields(self._fields), Fields(self._files)

    def _let_go(self) -> None:
        """Have what was kept closed."""
        self._spool = None
        self._files.clear()

    def _begin(self, segment: Any) -> None:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise RemoteProtocolError(f"a form may have {self._limits.parts} parts", 413)
        self._segment = segment
        self._filename = _filename_of(segment)
        if self._filename is None:
            if segment.charset is not None and segment.charset.lower() not in _CHARSETS:
                raise RemoteProtocolError("the text of a form is UTF-8", 415)
            self._value = []
        else:
            room = self._limits.in_memory - self._in_memory
            self._spool = Spool(self._folder, min(self._limits.file_in_memory, room))

    def _take(self, data: bytes) -> None:
        spool, limits = self._spool, self._limits
        if spool is None:
            self._text += len(data)
            if self._text > limits.text:
                raise RemoteProtocolError(f"the text of a form may have {limits.text} bytes", 413)
            self._value.append(data)
            return
        if limits.file is not None and spool.size + len(data) > limits.file:
            raise RemoteProtocolError(f"a file may have {limits.file} bytes here", 413)
        was_in_file = spool.in_file
        spool.write(data)
        if spool.in_file and not was_in_file:
            self._on_disk += 1
            if self._on_disk > limits.files_on_disk:
                raise RemoteProtocolError(f"a form may have {limits.files_on_disk} large files", 413)

    def _end(self) -> None:
        segment, spool, self._spool = self._segment, self._spool, None
        if spool is None:
            value = b"".join(self._value).decode(segment.charset or "utf-8", "replace")
            self._fields.append((segment.name, value))
            return
        if not spool.in_file:
            self._in_memory += spool.size
        if self._filename or spool.size:  # a file field that was left empty is sent with neither
            content_type = segment.content_type or "application/octet-stream"
            self._files.append((segment.name, Upload(spool.finish(), self._filename or "", content_type)))


def _filename_of(segment: Any) -> str | None:
    """RFC 7578 §4.2 has no `filename*`, and browsers send none; but programs do, for a name that is not ASCII, and what
    they send is a file."""
    name: str | None = segment.filename
    return maybe_extended_filename(segment.header("Content-Disposition", "")) if name is None else name

"""A download into a file: resumed where it broke off, and under its name only when it is whole.

The partial file lies beside the target (see `partial`). What it lacks is asked for with Range, and with If-Range so
that a representation that has changed comes anew as a whole (RFC 9110 §13.1.5, §14). What the server says of the range
is compared with what was asked, and the length with what was promised. No coding is asked for, as ranges count coded
bytes. A connection that breaks in the middle is followed by another one for the rest.
"""

from __future__ import annotations

import errno
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Union
from urllib.parse import unquote

from salver.client.arguments import RequestOptions
from salver.client.errors import (
    BrokenResponse,
    ClientError,
    ConnectFailed,
    ConnectionLost,
    ConnectTimedOut,
    NameNotFound,
    ReadTimedOut,
    StatusError,
    TLSFailed,
)
from salver.client.partial import Partial, partial_file
from salver.client.response import Response
from salver.client.url import parse_url
from salver.semantics.dates import parse_date
from salver.semantics.etags import is_entity_tag
from salver.semantics.filenames import maybe_disposition_filename, safe_filename

if TYPE_CHECKING:
    from salver.client.client import Client

Progress = Callable[[int, Union[int, None]], object]

_WHOLE = frozenset((200, 203))
_PASSING = frozenset((429, 502, 503, 504))  # statuses of a server that may soon be itself again
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19}|\*)", re.IGNORECASE)
_UNSATISFIED = re.compile(r"bytes \*/([0-9]{1,19})", re.IGNORECASE)
_LONGEST_WAIT = 10.0  # seconds between two attempts


@dataclass(frozen=True, slots=True)
class DownloadSettings:
    """`resume`: go on with a partial file of an earlier attempt. `progress`: called with the bytes that are there and
    those that there will be (None where nobody has said). `restarts`: attempts in a row that may break off without
    having brought a byte; 0, none may break off."""

    resume: bool = True
    progress: Progress | None = None
    restarts: int = 5
    sleep: Callable[[float], None] = time.sleep


class Downloaded(NamedTuple):
    """`path`: of the whole file. `size`: its bytes. `resumed_at`: the byte from which on this call has fetched it.
    `response`: the last one, its content not collected."""

    path: Path
    size: int
    resumed_at: int
    response: Response


def download(
    client: Client, url: str, path: str | PathLike[str], settings: DownloadSettings, options: RequestOptions
) -> Downloaded:
    """See `Client.download`."""
    target = Path(path)
    in_folder = target.is_dir()
    if in_folder:
        target /= _name_of(url)
    if target.exists() and not target.is_file():
        raise FileExistsError(errno.EEXIST, "there is something else of this name, and no file", str(target))
    return _Download(client, url, target, settings, options, in_folder=in_folder).run()


def _name_of(url: str) -> str:
    # A base URL may stand before it: what is behind the last slash is the same.
    path = parse_url(url).path if "://" in url.partition("?")[0] else re.split(r"[?#]", url)[0]
    return safe_filename(unquote(path.rpartition("/")[2])) or "download"


class _Download:
    def __init__(
        self,
        client: Client,
        url: str,
        target: Path,
        settings: DownloadSettings,
        options: RequestOptions,
        *,
        in_folder: bool = False,
    ) -> None:
        self._client = client
        self._url = url
        self._target = target
        self._settings = settings
        self._options = options
        self._in_folder = in_folder
        self._begun = False
        self._resumed_at = 0

    def run(self) -> Downloaded:
        with partial_file(self._target, self._url) as partial:
            if not self._settings.resume:
                partial.begin("", None)
            self._resumed_at = partial.size
            response = self._until_whole(partial)
            target = self._final(response)
            partial.finish(target, replace=target == self._target)
            return Downloaded(target, partial.size, self._resumed_at, response)

    def _final(self, response: Response) -> Path:
        """A folder was given: the server's name, made harmless, is taken where no file has it; one that the caller did
        not choose must replace nothing."""
        if self._in_folder:
            name = maybe_disposition_filename(response.headers.get("content-disposition", ""))
            if name:
                return self._target.with_name(name)
        return self._target

    def _until_whole(self, partial: Partial) -> Response:
        fruitless, restarts = 0, self._settings.restarts
        furthest = partial.size  # what was dropped and comes anew is nothing new: it may be dropped again, for ever
        while True:
            try:
                response = self._attempt(partial)
            except ClientError as error:
                fruitless = 0 if partial.size > furthest else fruitless + 1
                furthest = max(furthest, partial.size)
                if not (restarts and self._begun and _is_passing(error)) or fruitless > restarts:
                    raise
                self._settings.sleep(min(_LONGEST_WAIT, 0.2 * 2**fruitless) * (0.5 + random.random() / 2))
                continue
            if response is not None and (partial.total is None or partial.size == partial.total):
                return response
            if response is not None:
                fruitless = 0 if partial.size > furthest else fruitless + 1
                furthest = max(furthest, partial.size)
            if fruitless > restarts:
                raise BrokenResponse("the server gives no more of the file, which is not whole", self._url)

    def _attempt(self, partial: Partial) -> Response | None:
        """One request and what it brings; None where what was there does not fit, and was dropped."""
        asked = partial.size if partial.can_go_on else None
        with self._client.stream("GET", self._url, **self._with_range(partial, asked)) as response:
            if response.status in _WHOLE:
                self._begin(partial, response)
            elif response.status == 206 and asked is not None:
                if not _continues(partial, response):
                    self._begin_anew(partial)
                    return None
            elif response.status == 416 and asked is not None:
                return self._past_the_end(partial, response)
            else:
                response.raise_for_status()
                raise BrokenResponse(f"a response {response.status} has nothing that could be kept", response.url)
            self._begun = True
            self._collect(partial, response)
            return response

    def _with_range(self, partial: Partial, asked: int | None) -> RequestOptions:
        """The caller's options, and our own fields instead of the caller's."""
        given = self._options.get("headers") or {}
        pairs = list(given.items() if hasattr(given, "items") else given)
        ours = {"Accept-Encoding": "identity"}
        if asked is not None:
            ours |= {"Range": f"bytes={asked}-", "If-Range": partial.validator}
        taken = {"accept-encoding", "range", "if-range"}
        kept = [(name, value) for name, value in pairs if name.lower() not in taken]
        options = self._options.copy()
        options["headers"] = [*kept, *ours.items()]
        return options

    def _begin(self, partial: Partial, response: Response) -> None:
        length = response.headers.get("content-length")
        coded = response.headers.get("content-encoding", "").strip().lower() not in ("", "identity")
        if coded:  # though nobody asked for it: what is written is not what ranges count
            self._begin_anew(partial)
        else:
            self._begin_anew(partial, _strong_validator(response), int(length) if length else None)

    def _begin_anew(self, partial: Partial, validator: str = "", total: int | None = None) -> None:
        partial.begin(validator, total)
        self._resumed_at = 0

    def _past_the_end(self, partial: Partial, response: Response) -> Response | None:
        """416 with If-Range held: there is nothing behind what we have. Else it is not what it was."""
        matched = _UNSATISFIED.fullmatch(response.headers.get("content-range", "").strip())
        if matched is not None and int(matched[1]) == partial.size and partial.total in (None, partial.size):
            return response
        self._begin_anew(partial)
        return None

    def _collect(self, partial: Partial, response: Response) -> None:
        report = self._settings.progress
        if report is not None:
            report(partial.size, partial.total)
        for part in response.iter_bytes():
            if partial.total is not None and partial.size + len(part) > partial.total:
                partial.begin("", None)
                raise BrokenResponse("the server sent more than it promised", response.url)
            partial.write(part)
            if report is not None:
                report(partial.size, partial.total)


def _is_passing(error: ClientError) -> bool:
    """Of a download that has begun: it may go on after this."""
    if isinstance(error, StatusError):
        return error.response.status in _PASSING
    if isinstance(error, (TLSFailed, NameNotFound)):
        return False
    return isinstance(error, (ConnectionLost, ConnectFailed, ReadTimedOut, ConnectTimedOut))


def _strong_validator(response: Response) -> str:
    """What If-Range may have (RFC 9110 §13.1.5): a strong tag, or a date that is strong because the response was made
    at least a second later (§8.8.2.2); "" for neither."""
    etag = response.headers.get("etag", "")
    if is_entity_tag(etag) and not etag.startswith("W/"):
        return etag
    modified = response.headers.get("last-modified", "")
    changed, made = parse_date(modified), parse_date(response.headers.get("date", ""))
    return modified if changed is not None and made is not None and made > changed else ""


def _continues(partial: Partial, response: Response) -> bool:
    """Is this 206 the rest of what is there? Its length is noted where it was not known."""
    matched = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if matched is None or response.headers.get("content-encoding"):
        return False
    first, last = int(matched[1]), int(matched[2])
    total = None if matched[3] == "*" else int(matched[3])
    if first != partial.size or last < first or (total is not None and last >= total):
        return False
    if partial.total is not None and total is not None and total != partial.total:
        return False
    now = response.headers.get("etag" if partial.validator.startswith('"') else "last-modified")
    if now is not None and now != partial.validator:
        return False
    partial.total = total if total is not None else partial.total
    return True

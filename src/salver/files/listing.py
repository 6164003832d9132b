"""A folder's listing as a response: a page for people, JSON for programs, as the Accept field says.

The folder is read before the response is made, since an order needs all of it; the page is then rendered in pieces
while the socket drains, so that a long listing holds up nobody. Small listings are made at once and have a length.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from salver.files.listing_entries import Entry, Follow, arrange, link_to, read_folder, shown, view_of
from salver.files.listing_page import PIECE, Place, page, policy
from salver.request import Request
from salver.response import Response
from salver.semantics.negotiation import best_type

_AT_ONCE = 200  # entries; a page of that many is less than one piece of a long one
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def list_folder(
    request: Request, directory_fd: int, *, hidden: bool, title: str, follow: Follow | None = None
) -> Response:
    """The listing of the open folder `directory_fd`, which stays the caller's and is not used after the return.

    `hidden`: whether dotfiles are listed. `title`: what the root of the folder is called where breadcrumbs begin.
    `follow(name)` says what a symbolic link leads to, None where the folder does not serve that; without it links
    are not listed. The query's `sort` (name, size, date), `order` (asc, desc) and `filter` choose the view.
    Raises OSError where the folder cannot be read.
    """
    request.hand_over()
    view = view_of(request.query_string)
    entries = arrange(read_folder(directory_fd, hidden=hidden, follow=follow), view)
    place = Place(request.raw_path[len(request.prefix) :] or "/", title)
    if _wants_json(request):
        response = Response(_body(_json(entries, request.path), len(entries)), content_type="application/json")
    else:
        response = Response(_body(page(entries, place, view), len(entries)), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = policy()
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Vary"] = "Accept"
    return response


def _body(pieces: Iterator[bytes], entries: int) -> bytes | Iterator[bytes]:
    return b"".join(pieces) if entries <= _AT_ONCE else pieces


def _json(entries: Sequence[Entry], path: str) -> Iterator[bytes]:
    """The listing as JSON, in pieces. `href` is the link to the entry, from the folder; it has the name's exact bytes
    where `name` can only show them (RFC 8259 §8.2: JSON text is Unicode)."""
    waiting = [f'{{"path": {json.dumps(shown(path))}, "entries": [']
    length = 0
    for number, entry in enumerate(entries):
        row = (",\n" if number else "\n") + json.dumps(_fields(entry))
        waiting.append(row)
        length += len(row)
        if length >= PIECE:
            yield "".join(waiting).encode()
            waiting, length = [], 0
    waiting.append("\n]}\n")
    yield "".join(waiting).encode()


def _fields(entry: Entry) -> dict[str, object]:
    """`type` is "folder" or "file", `size` bytes or null, `modified` the time in UTC or null."""
    return {
        "name": shown(entry.name),
        "href": link_to(entry.name, entry.is_folder),
        "type": "folder" if entry.is_folder else "file",
        "size": None if entry.is_folder else entry.size,
        "modified": _moment(entry.modified),
    }


def _moment(modified: int) -> str | None:
    try:
        return (_EPOCH + timedelta(seconds=modified)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return None


def _wants_json(request: Request) -> bool:
    return best_type(request.headers.get("Accept"), ("text/html", "application/json")) == "application/json"

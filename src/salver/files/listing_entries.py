"""What a listing is made of: the entries of one folder, and the view of them that a query asks for.

A folder is read once, in one pass with one `fstatat` an entry, and what the folder would not serve is not listed: no
dotfile unless asked, no FIFO, socket or device, no name that a path cannot have, no link whose end is not served.
Nothing here knows HTML or JSON.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from salver.semantics.urls import is_plain_name, quote_segment

Follow = Callable[[str], "os.stat_result | None"]

# A name that as a relative link, as text and as HTML is itself, but for blanks in links: nearly every name there is.
is_easy = re.compile(r"[A-Za-z0-9._~ -]*").fullmatch
_DIGITS = re.compile(r"([0-9]+)")
_LONGEST_FILTER = 200  # characters; more than a name can have is of no use


class Entry(NamedTuple):
    """One line of a listing. `name` is as `os.fsdecode` gives it, `size` in bytes, `modified` in seconds since 1970."""

    name: str
    is_folder: bool
    size: int
    modified: int
    is_link: bool = False


class View(NamedTuple):
    """In which order, and how much of it, a folder is to be shown. `sort`: "name", "size" or "date"."""

    sort: str = "name"
    descending: bool = False
    filter: str = ""


def view_of(query: str) -> View:
    """The view that a query string asks for (`sort=size&order=desc&filter=…`); what is unknown is the default."""
    try:
        wanted = dict(parse_qsl(query, errors="replace", max_num_fields=20))
    except ValueError:
        return View()
    sort = wanted.get("sort", "")
    if sort not in FIRST_ORDER:
        sort = "name"
    order = wanted.get("order", "")
    descending = order == "desc" if order in ("asc", "desc") else FIRST_ORDER[sort]
    return View(sort, descending, wanted.get("filter", "")[:_LONGEST_FILTER].strip())


# Which way a column is sorted when it is first asked for: names upwards; the largest and the latest first.
FIRST_ORDER = {"name": False, "size": True, "date": True}


def read_folder(directory_fd: int, *, hidden: bool, follow: Follow | None) -> list[Entry]:
    """The entries that the open folder serves, in no order. The descriptor stays the caller's, and open.

    `follow` says what the link of a name leads to, None where that is not served; without it links are left out.
    Raises OSError where the folder cannot be read.
    """
    entries = []
    with os.scandir(directory_fd) as found:
        for each in found:
            name = each.name
            if (name[0] == "." and not hidden) or not is_plain_name(name):
                continue
            try:
                status = each.stat(follow_symlinks=False)
            except OSError:
                continue  # gone since the folder was read
            entry = _entry(name, status, follow)
            if entry is not None:
                entries.append(entry)
    return entries


def _entry(name: str, status: os.stat_result, follow: Follow | None) -> Entry | None:
    is_link = stat.S_ISLNK(status.st_mode)
    if is_link:
        target = follow(name) if follow is not None else None
        if target is None:
            return None
        status = target
    mode = status.st_mode
    if stat.S_ISREG(mode):
        return Entry(name, False, status.st_size, int(status.st_mtime), is_link)
    if stat.S_ISDIR(mode):
        return Entry(name, True, 0, int(status.st_mtime), is_link)
    return None


def arrange(entries: Iterable[Entry], view: View) -> list[Entry]:
    """The entries whose name has every word of the view's filter, folders first, each group in the view's order.

    Names are compared without case and with numbers by their value; they decide also between equal sizes and dates,
    then always upwards. Folders have no size, so that by size they stand by name.
    """
    words = _folded(view.filter).split()
    kept = [each for each in entries if _has_all(each.name, words)] if words else list(entries)
    kept.sort(key=lambda entry: name_key(entry.name), reverse=view.descending and view.sort == "name")
    if view.sort != "name":
        kept.sort(key=_size if view.sort == "size" else _modified, reverse=view.descending)
    return [each for each in kept if each.is_folder] + [each for each in kept if not each.is_folder]


def name_key(name: str) -> tuple[Any, ...]:
    """What names are sorted by: "File2" before "file10", and a stable order for names alike in that."""
    lowered = name.casefold()
    parts: list[Any] = _DIGITS.split(lowered)
    # Every second part is a run of digits, so that keys compare like with like. A name is at most 255 bytes, far
    # below the digits that int() refuses.
    parts[1::2] = map(int, parts[1::2])
    return (*parts, -1, name)


def _size(entry: Entry) -> int:
    return entry.size


def _modified(entry: Entry) -> int:
    return entry.modified


def _has_all(name: str, words: list[str]) -> bool:
    folded = _folded(name)
    return all(word in folded for word in words)


def _folded(text: str) -> str:
    """Without case; composed, since one file system gives "é" as two characters and a keyboard as one."""
    if text.isascii():
        return text.lower()
    from unicodedata import normalize

    return normalize("NFC", text).casefold()


def link_to(name: str, is_folder: bool) -> str:
    """The relative link to an entry: its name's bytes, percent-encoded."""
    link = name.replace(" ", "%20") if is_easy(name) else quote_segment(name)
    return link + "/" if is_folder else link


def shown(name: str) -> str:
    """The name as text that can be encoded: bytes that are not UTF-8 as U+FFFD."""
    if name.isascii():
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

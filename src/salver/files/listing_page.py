"""The listing as one HTML page, made in pieces while it is sent.

The page needs no script and nothing from elsewhere: its style, script and icons stand in it, and its policy allows
just those two blocks, by their hashes, and `data:` images. The style lays the table out as blocks and grids, so each
part says its role, which some browsers forget then. Rows are a format string each, since there may be tens of
thousands of them: optional end tags are left out (HTML 13.1.2.4), and a name that is its own link, text and HTML,
as nearly all are, is not worked over three times. This file reads no folder and knows no request.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from pkgutil import get_data
from typing import NamedTuple
from urllib.parse import urlencode

from salver.files.listing_entries import FIRST_ORDER, Entry, View, is_easy, link_to, shown
from salver.semantics.urls import decode_segment

PIECE = 64 * 1024  # characters after which a piece is sent; others are served between two pieces

_COLUMNS = (("name", "Name"), ("size", "Size"), ("date", 'Modified<span class="utc"> (UTC)</span>'))
_EARLIEST, _LATEST = -62_135_596_800, 253_402_300_799  # the years 1 to 9999, what <time> can say

# The suffixes of a kind, by the class that its rows have in the style sheet.
_KINDS = {
    "i": "apng avif bmp gif heic ico jpeg jpg jxl png psd svg tif tiff webp",
    "v": "avi m4v mkv mov mp4 mpeg mpg ogv webm wmv",
    "a": "aac aif aiff flac m4a mid midi mp3 oga ogg opus wav wma",
    "z": "7z br bz2 deb dmg egg gz iso jar lz4 rar rpm tar tgz txz whl xz zip zst",
    "c": "bash c cc cfg cpp cs css go h hpp htm html ini java js json jsx kt lua mjs php pl ps1 py pyi r rb rs sh sql"
    " swift toml ts tsx vue wasm xml yaml yml zig",
    "t": "adoc doc docx log md odt org rst rtf tex txt",
    "b": "djvu epub mobi odp pdf ppt pptx",
    "s": "csv db numbers ods parquet sqlite tsv xls xlsx",
}
_PARENT = (
    "<tbody role=rowgroup><tr class=u role=row><th scope=row role=rowheader>"
    '<a href="../">Parent folder</a><td role=cell><td role=cell>\n'
)
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cg fill='%235b8fd9'%3E"
    "%3Ccircle cx='16' cy='7.5' r='2.3'/%3E%3Cpath d='M5 21a11 11 0 0 1 22 0z'/%3E"
    "%3Crect x='2' y='23' width='28' height='3.4' rx='1.7'/%3E%3C/g%3E%3C/svg%3E"
)


class Place(NamedTuple):
    """Where a listed folder is: `path`, the raw path behind the mount, from "/" to "/"; and what its root is called."""

    path: str
    root: str


def policy() -> str:
    """The Content-Security-Policy that the page works under: its own two blocks and nothing else."""
    style, script = (_hash(_asset(name)) for name in ("listing.css", "listing.js"))
    return (
        f"default-src 'none'; style-src {style}; script-src {script}; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )


def page(entries: Sequence[Entry], place: Place, view: View) -> Iterator[bytes]:
    """The page in pieces of about 64 KiB. `entries` are in the order in which they are shown."""
    waiting = [_top(place, view)]
    length = len(waiting[0])
    kinds = _kinds()
    for entry in entries:
        row = _row(entry, kinds)
        waiting.append(row)
        length += len(row)
        if length >= PIECE:
            yield "".join(waiting).encode()
            waiting, length = [], 0
    waiting.append(_bottom(entries, view))
    yield "".join(waiting).encode()


def human_size(size: int) -> str:
    """Bytes as people read them, in powers of 1000 like the shops: "987 B", "1.2 kB", "35 MB"."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB", "PB"):
        value /= 1000
        if value < 9.95:
            return f"{value:.1f} {unit}"
        if value < 999.5:
            return f"{value:.0f} {unit}"
    return f"{value / 1000:.1f} EB"


def _row(entry: Entry, kinds: dict[str, str]) -> str:
    name, is_folder, size, modified, is_link = entry
    if is_easy(name):
        href, text = name.replace(" ", "%20"), name
    else:
        href, text = link_to(name, False), escape(shown(name))
    if is_link:
        text += "<small>link</small>"
    if is_folder:  # which has no size of its own
        start, data = f'<tr class=d role=row><th scope=row role=rowheader><a href="{href}/">', ""
    else:
        kind = kinds.get(name.rpartition(".")[2].lower(), "f")
        start = f'<tr class={kind} role=row><th scope=row role=rowheader><a href="{href}">'
        data = f"<data value={size}>{human_size(size)}</data>"
    return f"{start}{text}</a><td role=cell>{data}<td role=cell>{_when(modified)}\n"


def _when(modified: int) -> str:
    if not _EARLIEST <= modified <= _LATEST:
        return ""
    day, second = divmod(modified, 86_400)
    date, minute = _day(day), _minute(second // 60)
    return f"<time datetime={date}T{minute}:{second % 60:02}Z>{date} {minute}</time>"


@cache
def _minute(minute: int) -> str:
    """ "09:26", of the 1,440 that there are."""
    return f"{minute // 60:02}:{minute % 60:02}"


@lru_cache(2048)
def _day(day: int) -> str:
    """ "2026-11-21" of days since 1970; files of a folder share few days, and gmtime costs more than all the rest."""
    when = time.gmtime(day * 86_400)
    return f"{when.tm_year:04}-{when.tm_mon:02}-{when.tm_mday:02}"


@cache
def _kinds() -> dict[str, str]:
    return {suffix: kind for kind, suffixes in _KINDS.items() for suffix in suffixes.split()}


def _top(place: Place, view: View) -> str:
    names = _names(place)
    here = escape(names[-1][0])
    up = _PARENT if len(names) > 1 else ""
    return (
        "<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
        f"<title>{here}</title>\n"
        '<meta name=viewport content="width=device-width, initial-scale=1">\n'
        '<meta name=color-scheme content="light dark">\n'
        f'<link rel=icon href="{_ICON}">\n<style>{_asset("listing.css")}</style>\n</head>\n<body>\n'
        f"<header><div class=where>{_breadcrumbs(names)}<h1>{here}</h1></div>\n{_form(view)}</header>\n"
        f'<main class=card>\n<table role=table aria-label="Files in {here}">\n'
        f"<thead role=rowgroup><tr role=row>{_headings(view)}\n{up}<tbody class=entries role=rowgroup>\n"
    )


def _names(place: Place) -> list[tuple[str, int]]:
    """The name of each folder on the way here, the root first, with how many steps above this one it is."""
    segments = place.path.split("/")[1:-1]
    names = [(place.root, len(segments))]
    for index, segment in enumerate(segments, 1):
        if segment:  # "/a//b/": one step for ".." all the same, and no name
            names.append((shown(decode_segment(segment)), len(segments) - index))
    return names


def _breadcrumbs(names: list[tuple[str, int]]) -> str:
    """Links upwards, relative, so that they hold behind every proxy and mount."""
    if len(names) == 1:
        return ""
    links = "".join(f'<li><a href="{"../" * steps or "./"}">{escape(name)}</a>' for name, steps in names[:-1])
    return f'<nav aria-label="Folders above"><ol>{links}</ol></nav>'


def _form(view: View) -> str:
    order = "desc" if view.descending else "asc"
    return (
        "<form role=search>"
        f'<input type=search name=filter value="{escape(view.filter)}" placeholder="Filter" '
        'aria-label="Filter by name" autocomplete=off spellcheck=false maxlength=200>'
        f"<input type=hidden name=sort value={view.sort}><input type=hidden name=order value={order}>"
        "<noscript><button>Filter</button></noscript></form>"
    )


def _headings(view: View) -> str:
    return "".join(_heading(column, text, view) for column, text in _COLUMNS)


def _heading(column: str, text: str, view: View) -> str:
    active = column == view.sort
    state = f" aria-sort={'descending' if view.descending else 'ascending'}" if active else ""
    descending = not view.descending if active else FIRST_ORDER[column]
    query = {"sort": column, "order": "desc" if descending else "asc"}
    if view.filter:
        query["filter"] = view.filter
    return (
        f'<th scope=col role=columnheader data-column={column}{state}><a href="?{escape(urlencode(query))}">{text}</a>'
    )


def _bottom(entries: Sequence[Entry], view: View) -> str:
    message = f"No name here contains “{escape(view.filter)}”." if view.filter else "This folder is empty."
    return (
        f"</table>\n<p class=none{' hidden' if entries else ''}>{message}</p>\n</main>\n"
        f"<footer><p class=count aria-live=polite>{_count(entries)}</p><p>Salver</p></footer>\n"
        f"<script>{_asset('listing.js')}</script>\n</body>\n</html>\n"
    )


def _count(entries: Iterable[Entry]) -> str:
    sizes = [entry.size for entry in entries if not entry.is_folder]
    folders = sum(1 for entry in entries if entry.is_folder)
    parts = [_plural(folders, "folder")] if folders else []
    if sizes:
        parts.append(f"{_plural(len(sizes), 'file')}, {human_size(sum(sizes))}")
    return " and ".join(parts)


def _plural(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


@cache
def _asset(name: str) -> str:
    """A block of the page; through the package's loader, so that it is found in a zip archive too."""
    content = get_data("salver.files", f"listing_assets/{name}")
    if content is None:
        raise FileNotFoundError(f"salver was installed without its {name}; install it again")
    return content.decode()


def _hash(block: str) -> str:
    """CSP Level 3 §2.3.1: hash-source."""
    return f"'sha256-{b64encode(sha256(block.encode()).digest()).decode()}'"

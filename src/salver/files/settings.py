"""How a folder is served: one frozen value, checked when it is made, with the defaults of the design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from salver.files.file_cache import CacheSizes
from salver.lookup import Follow
from salver.protocol.connection import OWN_FIELDS
from salver.protocol.writer import encode_fields
from salver.request import Request
from salver.response import Response

# What a file's own answer is made of, and must be right for it.
_FILES_OWN = frozenset(("etag", "last-modified", "content-range", "accept-ranges", "content-encoding", "location"))


class Lister(Protocol):
    """Makes the page for a folder without an index file."""

    def __call__(
        self, request: Request, directory_fd: int, /, *, hidden: bool, title: str, follow: Follow | None
    ) -> Response:
        """`directory_fd` is open for reading, stays the caller's and is closed after the return. `title`: what the
        root is called. `follow`: what a link in the folder leads to, None where that is not served."""


def default_listing(
    request: Request, directory_fd: int, /, *, hidden: bool, title: str, follow: Follow | None
) -> Response:
    """The listing of `salver.files.listing`, imported when a folder is first listed."""
    from salver.files.listing import list_folder

    return list_folder(request, directory_fd, hidden=hidden, title=title, follow=follow)


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """How files are served. Immutable; raises ValueError or `LocalProtocolError` for what cannot be meant.

    `index`: names tried in order where a folder is asked for. `listing`: what shows a folder without one, None for
    404. `hidden`: serve names that begin with a dot. `follow_symlinks`: links may lead out of the root; those that
    stay inside are served anyway. `compress`: send compressed neighbours (`.br .zst .gz`, not older than the file)
    and compress text on the way. `cache_seconds`: Cache-Control: max-age, in seconds. `spa`: a page that is not
    there, asked for by a browser, is the root's index. `cors`: an origin, or "*", that may read what is served.
    `extra_headers`: fields for every answer, instead of ours of that name. `media_types`: suffix (".md") →
    Content-Type, before the table. `title`: what the root is called in listings, the folder's name if None.
    """

    index: Sequence[str] = ("index.html", "index.htm")
    listing: Lister | None = default_listing
    hidden: bool = False
    follow_symlinks: bool = False
    compress: bool = True
    cache_seconds: int | None = None
    spa: bool = False
    cors: str | None = None
    extra_headers: Sequence[tuple[str, str]] = ()
    media_types: Mapping[str, str] | None = None
    title: str | None = None
    cache: CacheSizes = field(default_factory=CacheSizes)

    def __post_init__(self) -> None:
        if isinstance(self.index, str):
            raise ValueError(f"index is a sequence of names: ({self.index!r},)")
        if any(not name or "/" in name or name in (".", "..") for name in self.index):
            raise ValueError("an index is the name of a file in the folder, not a path")
        if self.cache_seconds is not None and self.cache_seconds < 0:
            raise ValueError(f"cache_seconds is a number of seconds, not {self.cache_seconds}")
        for name, _ in self.extra_headers:
            if name.lower() in OWN_FIELDS | _FILES_OWN:
                raise ValueError(f"{name} is worked out for each answer and cannot be set for all")
        encode_fields(
            [*self.common_fields(), *(("Content-Type", media_type) for media_type in (self.media_types or {}).values())]
        )

    def common_fields(self) -> tuple[tuple[str, str], ...]:
        """The fields of every answer, errors and redirects too."""
        return self._overridden(self._common())

    def file_fields(self) -> tuple[tuple[str, str], ...]:
        """The fields of every file's 200, beside the file's own."""
        fields = self._common()
        if self.cache_seconds is not None:
            fields.append(("Cache-Control", f"max-age={self.cache_seconds}"))
        return self._overridden(fields)

    def _common(self) -> list[tuple[str, str]]:
        fields = [("X-Content-Type-Options", "nosniff")]
        if self.cors is not None:
            fields.append(("Access-Control-Allow-Origin", self.cors))
            fields.append(("Access-Control-Expose-Headers", "Content-Range, ETag, Accept-Ranges, Content-Encoding"))
        return fields

    def _overridden(self, fields: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        own = {name.lower() for name, _ in self.extra_headers}
        return tuple(pair for pair in fields if pair[0].lower() not in own) + tuple(self.extra_headers)

"""A request before it is a head: where to, what, and which fields. A value; sending it is the client's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from salver.client.content import Content
from salver.client.url import URL

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """Immutable. `headers`: the caller's and the client's, without Host, which the URL gives unless it is among them.
    `content`: bytes, or `Content` that is sent part by part. `expects`: wait for 100 Continue before the content."""

    method: str
    url: URL
    headers: Fields = field(repr=False)  # they may have a password
    content: bytes | Content = field(default=b"", repr=False)
    expects: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a field, None where it has none."""
        lowered = name.lower()
        return next((value for each, value in self.headers if each.lower() == lowered), None)

    def with_header(self, name: str, value: str) -> Request:
        """With a field set, instead of those of its name."""
        lowered = name.lower()
        kept = [pair for pair in self.headers if pair[0].lower() != lowered]
        return replace(self, headers=[*kept, (name, value)])

    def without_expectation(self) -> Request:
        """Whose content is sent at once."""
        kept = [pair for pair in self.headers if pair[0].lower() != "expect"]
        return replace(self, headers=kept, expects=False)

    def replaced(self, **changes: Any) -> Request:
        """With some members replaced."""
        return replace(self, **changes)

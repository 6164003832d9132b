"""What a section's fields wish for."""

from __future__ import annotations

import pytest

from salver.files.wishes import codings_of, needs_closer_look, wish_of
from tests.files.support import request


@pytest.mark.parametrize(
    ("fields", "wish"),
    [
        ({}, ""),
        ({"accept_encoding": "gzip, deflate, br"}, "br,gzip"),
        ({"accept_encoding": "gzip;q=1, br;q=0.1"}, "gzip,br"),
        ({"accept_encoding": "gzip", "range": "bytes=0-"}, "?gzip"),
        ({"if_none_match": "*"}, "?"),
        ({"if_match": "*"}, "?"),
        ({"if_modified_since": "x"}, "?"),
        ({"if_unmodified_since": "x"}, "?"),
        ({"if_range": "x"}, ""),
    ],
)
def test_wishes(fields: dict[str, str], wish: str) -> None:
    section = request("/", **fields).head.section  # type: ignore[arg-type]
    assert wish_of(section) == wish
    assert section.notes == wish
    assert wish_of(section) is section.notes
    assert needs_closer_look(wish) is ("?" in wish)
    assert codings_of(wish) == wish.strip("?")

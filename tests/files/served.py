"""What the files that are served contain."""

from __future__ import annotations

SIZE = 20_000
DATA = bytes(range(250)) * 80
TEXT = b"<p>the same again and again</p>\n" * 200
BIG_TEXT = TEXT * 20

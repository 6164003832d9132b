"""What the tests of serving files share: a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.files.served import BIG_TEXT, DATA, TEXT
from tests.files.support import write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "data.bin", DATA)
    write(tmp_path / "big.bin", DATA * 10)
    write(tmp_path / "empty.bin", b"")
    write(tmp_path / "page.html", TEXT)
    write(tmp_path / "long.html", BIG_TEXT)
    write(tmp_path / "short.html", b"<p>")
    return tmp_path

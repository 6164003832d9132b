"""A folder served by the command line, as a user would do it, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LARGE = 3_000_000


@dataclass
class Served:
    """A folder, and where it is served."""

    folder: Path
    url: str
    process: subprocess.Popen[str]


@contextmanager
def served(folder: Path, *options: str) -> Iterator[Served]:
    """`salver FOLDER -p 0` for the length of a block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "salver", str(folder), "-p", "0", "--no-access-log", *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = re.search(r"http://\S+/", line)
            if found:
                yield Served(folder, found[0], process)
                break
        else:
            raise AssertionError("it does not say where it serves")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def fill(folder: Path) -> None:
    """Pages, a larger file, folders in folders, and names that want care."""
    (folder / "index.html").write_text(
        '<a href="sub/">sub</a> <a href="large.bin">large</a> <a href="text.txt">text</a>'
    )
    (folder / "text.txt").write_text("".join(f"line {number} of many that are alike\n" for number in range(5_000)))
    (folder / "large.bin").write_bytes(bytes(range(256)) * (LARGE // 256))
    deep = folder / "sub" / "deep"
    deep.mkdir(parents=True)
    for place in (folder / "sub", deep):
        for name in ("a.txt", "with blank.txt", "ümlaut & <tag>.txt"):
            (place / name).write_text(f"{place.name}/{name}\n")


def run(command: Sequence[str], within: float = 60, folder: Path | None = None) -> str:
    """What a program says, both ways; it must succeed."""
    done = subprocess.run(command, capture_output=True, timeout=within, check=False, cwd=folder)
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    assert done.returncode == 0, said
    return said

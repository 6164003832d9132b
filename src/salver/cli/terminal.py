"""The terminal of `salver get`: colours and the progress bar, by the library rich where it is installed.

NO_COLOR and TERM=dumb are heeded by rich. Without the library, JSON is arranged without colour, and there is no bar.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from salver.cli.errors import printable
from salver.client.downloads import Progress


def write_json(text: str) -> None:
    """Arranged JSON on the standard output, coloured where that is a terminal for it."""
    try:
        from rich.console import Console
        from rich.highlighter import JSONHighlighter
        from rich.text import Text
    except ImportError:
        sys.stdout.write(text)
        return
    coloured = Text(text.rstrip("\n"))
    JSONHighlighter().highlight(coloured)
    # Lines stay as long as they are: what is copied from the terminal must still be JSON.
    Console(file=sys.stdout, soft_wrap=True).print(coloured)


@contextlib.contextmanager
def progress_bar(name: str, *, wanted: bool) -> Iterator[Progress | None]:
    """A bar on standard error while a file comes, None where nobody sees it."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    try:
        bar = _make_bar()
    except ImportError:
        yield None
        return
    with bar:

        def report(done: int, total: int | None) -> None:
            task = bar.task_ids[0] if bar.task_ids else bar.add_task(printable(name))  # not before there is a file
            bar.update(task, completed=done, total=total)

        yield report


def _make_bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}", markup=False),  # a file may be called "[red]"
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
    )

"""A process that watches files and says which have changed, a JSON list of paths a line.

It is a process of its own because the library that watches has threads, and whoever forks servers must have none. It
ends when its parent does, however that has ended.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from salver.cli.errors import UsageError, printable

# The words of the link beside the lists of paths.
READY = b"ready"
FAILED = b"failed "  # and why
_STEP = 50  # milliseconds without a change that end a burst of changes
_BURST = 1_600  # milliseconds that a burst may last


class Watch:
    """What is watched: `.py` files in `folders` and below, and all that lies in `extra`, folders or files, but for what
    editors, version control and virtual environments keep there. Immutable."""

    def __init__(self, folders: Iterable[str], extra: Iterable[str]) -> None:
        """Raises `UsageError` where something of `extra` is not there, or the library is not installed."""
        try:
            import watchfiles  # noqa: F401 - is it there?
        except ImportError:
            raise UsageError('--reload needs the extra "reload": pip install "salver[reload]"') from None
        self._extra = []
        for given in extra:
            if not os.path.exists(given):
                raise UsageError(f"cannot watch {printable(given)}: there is no such file or folder")
            self._extra.append(os.path.realpath(given))
        self._paths = outermost([*(os.path.realpath(folder) for folder in folders), *self._extra])

    def run(self, link: socket.socket) -> NoReturn:
        """Watch, and tell `link`, until the parent is gone. In a process that was forked for this, with signals still
        blocked."""
        for number in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C goes to the whole terminal, the parent sees to us
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGCHLD))
        code = 0
        try:
            self._watch(link)
        except (OSError, RuntimeError) as error:  # what the system refuses: no more watches, no permission
            code = 1
            _tell(link, FAILED + printable(error).encode("utf-8", "replace"))
        os._exit(code)

    def _watch(self, link: socket.socket) -> None:
        from watchfiles import watch

        ending, wanted = _Ending(link), self._filter()
        while not ending.has_come:
            for changes in watch(
                *self._paths, watch_filter=wanted, debounce=_BURST, step=_STEP, stop_event=ending, raise_interrupt=False
            ):
                changed = sorted({path for _, path in changes})
                _tell(link, json.dumps(changed).encode())
                if not set(changed).isdisjoint(self._paths):
                    break  # a file that was replaced is another file: what was watched of it is not there any more

    def _filter(self) -> Callable[[Any, str], bool]:
        from watchfiles import DefaultFilter

        usual, extra = DefaultFilter(), self._extra

        def wanted(change: Any, path: str) -> bool:
            return usual(change, path) and (path.endswith(".py") or any(is_inside(path, each) for each in extra))

        return wanted


class _Ending:
    """What the library asks twenty times a second whether to end. It asks for the first time when it watches."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._parent = os.getppid()
        self._said = False
        self.has_come = False

    def is_set(self) -> bool:
        if not self._said:
            self._said = True
            _tell(self._link, READY)
        self.has_come = os.getppid() != self._parent
        return self.has_come


def _tell(link: socket.socket, words: bytes) -> None:
    try:
        link.sendall(words + b"\n")
    except OSError:
        pass  # the parent is going, and we notice


def is_inside(path: str, folder: str) -> bool:
    """`path` is `folder`, or below it. Both are absolute."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def outermost(paths: Iterable[str]) -> list[str]:
    """`paths` without those that lie inside another one."""
    unique = sorted(set(paths), key=len)
    return [path for place, path in enumerate(unique) if not any(is_inside(path, each) for each in unique[:place])]

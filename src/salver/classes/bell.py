"""A descriptor that can be rung: what sleeps in a poll wakes up at once, instead of looking at a flag now and then."""

from __future__ import annotations

import os
import socket


class Bell:
    """Rung from any thread and from signal handlers; heard by whoever polls its descriptor. A context manager."""

    def __init__(self) -> None:
        self._ear, self._hammer = socket.socketpair()
        self._hammer.setblocking(False)

    def fileno(self) -> int:
        """Readable once it has been rung."""
        return self._ear.fileno()

    def ring(self) -> None:
        """Ring; nothing where it was rung or closed already."""
        try:
            os.write(self._hammer.fileno(), b"!")
        except OSError:
            pass

    def __enter__(self) -> Bell:
        return self

    def __exit__(self, *_: object) -> None:
        self._ear.close()
        self._hammer.close()

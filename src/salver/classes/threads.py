"""Threads for handlers that need one each: the standard library's mix-in, with a bound.

Past `max_threads` nothing is accepted until one of them ends; who connects meanwhile waits in the kernel. The rejected
way, a queue, would accept what it cannot serve and keep a descriptor for each. This file does not know what the
requests are, and serves datagrams as well.
"""

from __future__ import annotations

import socketserver as _std
import threading
from typing import Any


class ThreadingMixIn(_std.ThreadingMixIn):
    """`socketserver.ThreadingMixIn`, with at most `max_threads` threads at once. A class attribute, to be set."""

    max_threads = 1_000
    __room: threading.Semaphore | None = None

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the request, as soon as there is room for one; stops waiting when asked to shut down."""
        if self.__room is None:
            self.__room = threading.Semaphore(self.max_threads)
        while not self.__room.acquire(timeout=0.1):
            if getattr(self, "_asked_to_stop", False):
                raise ConnectionAbortedError("the server stops, and every thread is taken")
        try:
            super().process_request(request, client_address)
        except BaseException:
            self.__room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """What such a thread does; see `socketserver.ThreadingMixIn`."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            if self.__room is not None:
                self.__room.release()

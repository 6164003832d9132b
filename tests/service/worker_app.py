"""A master with workers that serve no HTTP: each answers one word a connection. Run as a process by test_workers.

usage: worker_app.py SIZE MODE [TIME=SECONDS ...]     prints the port, then what happens, a line each
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

from salver.service.worker_plan import WorkerTimes
from salver.service.workers import Master


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class WordServer:
    """What a `WorkerServer` has to be; `mode` says what is wrong with it."""

    def __init__(self, listener: socket.socket, beat: Callable[[], None], mode: str) -> None:
        self.listener = listener
        self.beat = beat
        self.mode = mode
        self.hung = False
        self.leaving = threading.Event()
        self.serving = threading.Thread(target=self.serve, daemon=True)

    def start(self) -> None:
        if self.mode == "cannot-start" or (self.mode.startswith("while=") and os.path.exists(self.mode[6:])):
            raise RuntimeError("this handler cannot be imported")
        if self.mode == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        atexit.register(lambda: say("exit", os.getpid()))
        say("start", os.getpid())
        self.serving.start()

    def serve(self) -> None:
        self.listener.setblocking(False)
        while not self.leaving.is_set():
            if not self.hung:
                self.beat()
            with contextlib.suppress(BlockingIOError):
                connection, _ = self.listener.accept()
                with connection:
                    connection.sendall(self.answer(connection.recv(100).decode()).encode())
            time.sleep(0.01)

    def answer(self, word: str) -> str:
        if word == "hang":
            self.hung = True
        if word == "exit":
            os._exit(7)
        return str(os.getpid())

    def stop(self, grace: float | None = None, patience: float = 0.0) -> None:
        say("stop", os.getpid(), grace, patience)
        if self.mode == "stubborn" or (self.mode == "slow" and grace):
            time.sleep(60)
        self.leaving.set()
        self.serving.join(10)  # a connection that has been accepted is answered

    def reopen_logs(self) -> None:
        say("reopen", os.getpid())


def main(size: str, mode: str, *times: str) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    listener = socket.create_server(("127.0.0.1", 0))
    say("port", listener.getsockname()[1])
    given = dict(each.split("=") for each in times)
    atexit.register(lambda: say("master-exit", os.getpid()))
    limits = WorkerTimes(**{name: float(seconds) for name, seconds in given.items()})
    return Master(lambda beat: WordServer(listener, beat, mode), int(size), limits).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

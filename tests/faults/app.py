"""The server that the faults are done to: a handler that can be slow, fail, hang and die, run as a process.

usage: python -m tests.faults.app [--workers N] [--heartbeat S] [--patience S] [--settle S] [--stream] [--debug]
                                   [--set NAME=VALUE ...]

Prints "port N" when it listens. VALUE is a Python literal, or text.
"""

from __future__ import annotations

import argparse
import ast
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from urllib.parse import parse_qs

from salver.handler import Result, options
from salver.net.address import parse_address
from salver.net.listener import open_listeners
from salver.request import Request
from salver.response import Response
from salver.service.server import Server, run_until_signalled
from salver.service.settings import Settings
from salver.service.worker_plan import WorkerTimes
from salver.service.workers import run_workers

METHODS = ("GET", "HEAD", "POST", "OPTIONS")


class Site:
    """Paths by name: `/sleep?s=0.5` is `do_sleep`. What is no name is not found; `/smuggled` tells on itself."""

    def __call__(self, request: Request) -> Result:
        if request.method not in METHODS:
            return Response("", 405, {"Allow": ", ".join(METHODS)})
        if request.method == "OPTIONS":
            return Response(b"", 204, {"Allow": ", ".join(METHODS)})
        name = request.raw_path.strip("/").replace("-", "_") or "hello"
        action = getattr(self, f"do_{name}", None)
        if action is None:
            return Response("not found", 404)
        asked = {key: values[0] for key, values in parse_qs(request.query_string).items()}
        result: Result = action(request, asked)
        return result

    def do_hello(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(b"Hello, World!", content_type="text/plain")

    def do_smuggled(self, request: Request, asked: dict[str, str]) -> Result:
        os.write(2, b"SMUGGLED\n")
        return "smuggled"

    def do_pid(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(str(os.getpid()).encode())

    def do_threads(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(str(threading.active_count()).encode())

    def do_sleep(self, request: Request, asked: dict[str, str]) -> Result:
        select.select([], [], [], float(asked["s"]))  # not time.sleep, which fails under libfaketime
        return Response(b"slept")

    def do_spin(self, request: Request, asked: dict[str, str]) -> Result:
        end = time.perf_counter() + float(asked["s"])
        while time.perf_counter() < end:
            pass
        return Response(b"spun")

    def do_eat(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(str(len(bytearray(int(asked["mb"]) << 20))).encode())

    def do_big(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(b"x" * int(asked["n"]))

    def do_pieces(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(b"x" * 10_000 for _ in range(int(asked["n"])))

    def do_echo(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(str(len(request.body)).encode())

    def do_raise(self, request: Request, asked: dict[str, str]) -> Result:
        raise ValueError("as asked")

    def do_raise_late(self, request: Request, asked: dict[str, str]) -> Result:
        def pieces() -> Iterator[bytes]:
            yield b"x" * 1000
            raise ValueError("as asked, late")

        return Response(pieces())

    def do_short(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(iter([b"x" * 10]), headers={"Content-Length": "100"})

    def do_long(self, request: Request, asked: dict[str, str]) -> Result:
        return Response(iter([b"x" * 100]), headers={"Content-Length": "10"})

    def do_inject(self, request: Request, asked: dict[str, str]) -> Result:
        return Response("", headers={"X-A": "b\r\nX-Injected: yes"})

    def do_segv(self, request: Request, asked: dict[str, str]) -> Result:
        signal.raise_signal(signal.SIGSEGV)  # in this thread: os.kill lets it go on until another one has taken it
        return "not reached"


class StreamingSite(Site):
    """As `Site`, with bodies read by the handler while they arrive."""

    @options(stream_body=True)
    def __call__(self, request: Request) -> Result:
        return super().__call__(request)


def _setting(text: str) -> tuple[str, object]:
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--heartbeat", type=float, default=10.0)
    parser.add_argument("--patience", type=float, default=10.0)
    parser.add_argument("--settle", type=float, default=5.0)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--debug", action="store_true")
    parser.add_argument("--set", action="append", default=[], type=_setting)
    given = parser.parse_args()
    level = logging.DEBUG if given.debug else logging.INFO
    logging.basicConfig(level=level, format="%(levelname)s %(name)s %(message)s")
    settings = Settings.of(**dict(given.set))
    site = StreamingSite() if given.stream else Site()
    listeners = open_listeners(parse_address("127.0.0.1:0"), settings.limits.backlog)
    os.write(1, f"port {listeners[0].address.port}\n".encode())
    if given.workers:
        times = WorkerTimes(heartbeat=given.heartbeat, patience=given.patience, settle=given.settle)
        return run_workers(lambda: site, listeners, settings, given.workers, times)
    run_until_signalled(Server(site, listeners=listeners, settings=settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())

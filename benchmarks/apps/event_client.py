"""Listens to many event streams: `python event_client.py PORT PATH COUNT`.

Opens them and says `ready`; then, for each line on its standard input, does what it says and answers with a line:
`events` how many have come since the last time, the least and the most of one stream; `leave N` closes N of them.
"""

from __future__ import annotations

import resource
import selectors
import socket
import struct
import sys

_RESET = struct.pack("ii", 1, 0)


class Listener:
    """One stream."""

    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        answer = self.socket.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"no answer but {answer[:80]!r}")
        self.socket.setblocking(False)
        self.events = 0

    def read(self) -> None:
        """Take what has come. Raises ConnectionError where the stream has ended."""
        data = self.socket.recv(65_536)
        if not data:
            raise ConnectionError("a stream has ended")
        self.events += data.count(b"\ndata: ")

    def leave(self, *, reset: bool) -> None:
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.socket.close()


def main(port: int, path: str, count: int) -> None:
    """Open, say so, listen, obey."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listeners = [Listener(port, path) for _ in range(count)]
    with selectors.DefaultSelector() as selector:
        for listener in listeners:
            selector.register(listener.socket, selectors.EVENT_READ, listener)
        selector.register(sys.stdin, selectors.EVENT_READ, None)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    key.data.read()
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                print(_obey(line.split(), listeners, selector), flush=True)


def _obey(words: list[str], listeners: list[Listener], selector: selectors.BaseSelector) -> str:
    if words[0] == "events":
        counts = [listener.events for listener in listeners]
        for listener in listeners:
            listener.events = 0
        return f"{sum(counts)} {min(counts)} {max(counts)}"
    for number in range(int(words[1])):
        listener = listeners.pop()
        selector.unregister(listener.socket)
        listener.leave(reset=bool(number % 2))
    return "left"


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))

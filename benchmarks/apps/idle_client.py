"""Holds many idle connections: `python idle_client.py PORT COUNT`.

Opens them, makes one request on each, says `ready`, and holds them until its standard input ends. A process of its
own, as the descriptors of the load must not count for anybody else. It resets them at the end: ten thousand closed
ones would keep as many ports for a minute.
"""

from __future__ import annotations

import resource
import socket
import struct
import sys

_RESET = struct.pack("ii", 1, 0)
_REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def open_one(port: int) -> socket.socket:
    """A connection that has had one answer. Raises OSError or ValueError where it had none."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    connection.sendall(_REQUEST)
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise ValueError(f"no answer but {answer[:80]!r}")
    return connection


def main(port: int, count: int) -> None:
    """Open, say so, hold."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            held.append(open_one(port))
    except (OSError, ValueError) as error:
        sys.exit(f"after {len(held)} connections: {error}")
    print("ready", flush=True)
    sys.stdin.read()
    for connection in held:
        connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

"""Many logins at once: `login_client.py PORT COUNT`. Connects, says "ready", sends all of them when a line comes in,
and says the answers as JSON: [[status, seconds], …], status 0 for a connection that was lost."""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

_PATIENCE = 60.0  # seconds


def main(port: int, count: int) -> None:
    """One request on each of `count` connections."""
    body = json.dumps({"username": "ada", "password": "difference engine"}).encode()
    head = f"POST /accounts/api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    request = head.encode() + b"Content-Type: application/json\r\nConnection: close\r\n\r\n" + body
    connections = [socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) for _ in range(count)]
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    for connection in connections:
        connection.sendall(request)
    print(json.dumps(list(_answers(connections, began))), flush=True)


def _answers(connections: list[socket.socket], began: float) -> list[tuple[int, float]]:
    answers = []
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map() and time.monotonic() < began + _PATIENCE:
            for key, _ in selector.select(1.0):
                selector.unregister(key.fileobj)
                answers.append((_status(key.fileobj), time.monotonic() - began))  # type: ignore[arg-type]
    return answers


def _status(connection: socket.socket) -> int:
    """What begins to arrive is the whole of an answer, this short."""
    try:
        answer = connection.recv(65_536)
    except OSError:
        answer = b""
    connection.close()
    # The tutorials' answer to a wrong password is 200 as well: what counts is the cookie.
    return int(answer[9:12]) if b"Set-Cookie: " in answer else 0


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

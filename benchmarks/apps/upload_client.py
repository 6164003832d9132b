"""Sends one file of a form as fast as it goes, and prints the answer's body. `python upload_client.py PORT MIB`."""

from __future__ import annotations

import random
import socket
import sys

MIB = 1 << 20
BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW"


def main(port: int, mebibytes: int) -> None:
    """Raises OSError where the server does not take it."""
    opening = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="large.bin"\r\n\r\n' % BOUNDARY
    closing = b"\r\n--%b--\r\n" % BOUNDARY
    length = len(opening) + mebibytes * MIB + len(closing)
    piece = random.Random(1).randbytes(MIB)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        fields = (
            b"Host: 127.0.0.1\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=%b\r\n" % BOUNDARY
        )
        connection.sendall(b"POST /upload HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (fields, length, opening))
        for _ in range(mebibytes):
            connection.sendall(piece)
        connection.sendall(closing)
        answer = b""
        while data := connection.recv(65_536):
            answer += data
    print(answer.partition(b"\r\n\r\n")[2].decode())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

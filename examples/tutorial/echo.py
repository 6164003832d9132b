"""The echo server: whoever sends a line gets it back a second later, and nobody waits for anybody else.

python examples/tutorial/echo.py [PORT]
python -c "import socket; s = socket.create_connection(('127.0.0.1', 9000)); s.send(b'Hello\\n'); print(s.recv(99))"
"""

import contextlib
import sys
import time

from salver.socketserver import StreamRequestHandler, TCPServer


class EchoHandler(StreamRequestHandler):
    """One connection. `setup` has made `rfile` and `wfile` of its socket, and `finish` closes them."""

    def handle(self) -> None:
        line = self.readline()
        time.sleep(1.0)  # what takes its time: only this connection's thread waits
        self.write_content(line)
        self.send()


class EchoServer(TCPServer):
    """A server that processes every connection in a thread of its own (which `ThreadingTCPServer` does by itself)."""

    process_request = TCPServer.process_request_multithread


if __name__ == "__main__":
    address = ("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000)
    with contextlib.suppress(KeyboardInterrupt), EchoServer(address, EchoHandler) as server:
        print("Echoing on {}:{}".format(*server.server_address), flush=True)
        server.serve_forever()

"""A mail server on loopback, as small as SMTP (RFC 5321) allows: it takes letters, with STARTTLS, TLS from the first
byte and AUTH where it is told to, and misbehaves where a test wants that."""

from __future__ import annotations

import base64
import contextlib
import email
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from typing import BinaryIO, NamedTuple


class Letter(NamedTuple):
    sender: str
    to: str
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.raw, policy=default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    @property
    def text(self) -> str:
        return str(self.message.get_content()).replace("\r\n", "\n")

    @property
    def link(self) -> str:
        (found,) = re.findall(r"https?://\S+", self.text)
        return str(found)


class MailServer:
    """`letters` has what came, `said` every line that clients have sent. Use it in a `with` statement."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
        refuses: str = "",
        drips: bool = False,
    ) -> None:
        """`tls`: STARTTLS is offered, or spoken from the first byte (`implicit`). `login`: nobody sends without.
        `refuses`: a command that is answered with 550. `drips`: a byte of an endless greeting every tenth of a
        second."""
        self.letters: queue.Queue[Letter] = queue.Queue()
        self.said: list[bytes] = []
        self._tls, self._implicit, self._login = tls, implicit, login
        self._refuses, self._drips = refuses, drips
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._ended = False

    def __enter__(self) -> MailServer:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(20)
        self._listener.close()
        for thread in self._threads[1:]:
            thread.join(20)

    def take(self) -> Letter:
        """The next letter, when it is there."""
        return self.letters.get(timeout=30)

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(30)
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            stack.callback(lambda: client.close())
            if self._implicit and self._tls is not None:
                client = self._tls.wrap_socket(client, server_side=True)
            if self._drips:
                self._drip(client)
                return
            client.sendall(b"220 tests ready\r\n")
            while (stream := self._talk(client)) is not None:
                client = stream

    def _drip(self, client: socket.socket) -> None:
        while not self._ended:
            client.sendall(b"2")
            time.sleep(0.1)

    def _talk(self, client: socket.socket) -> socket.socket | None:
        """Until the client has gone (None), or TLS begins: the socket that goes on."""
        sender, to = "", ""
        with client.makefile("rb") as lines:
            while line := lines.readline():
                self.said.append(line)
                word = line.split()[0].upper().decode() if line.split() else ""
                if word == self._refuses:
                    client.sendall(b"550 not here\r\n")
                elif word == "EHLO":
                    client.sendall(self._offer(client))
                elif word == "STARTTLS" and self._tls is not None:
                    client.sendall(b"220 go on\r\n")
                    return self._tls.wrap_socket(client, server_side=True)
                elif word == "AUTH":
                    client.sendall(self._judge(line))
                elif word == "MAIL":
                    sender = line.partition(b"<")[2].partition(b">")[0].decode()
                    client.sendall(b"250 ok\r\n")
                elif word == "RCPT":
                    to = line.partition(b"<")[2].partition(b">")[0].decode()
                    client.sendall(b"250 ok\r\n")
                elif word == "DATA":
                    client.sendall(b"354 go on\r\n")
                    self.letters.put(Letter(sender, to, _data(lines)))
                    client.sendall(b"250 taken\r\n")
                elif word == "QUIT":
                    client.sendall(b"221 bye\r\n")
                    return None
                else:
                    client.sendall(b"250 ok\r\n")
        return None

    def _offer(self, client: socket.socket) -> bytes:
        offers = ["tests", "SMTPUTF8"]
        if self._tls is not None and not isinstance(client, ssl.SSLSocket):
            offers.append("STARTTLS")
        elif self._login is not None:
            offers.append("AUTH PLAIN")
        return "".join(f"250{'-' if each is not offers[-1] else ' '}{each}\r\n" for each in offers).encode()

    def _judge(self, line: bytes) -> bytes:
        _, user, password = base64.b64decode(line.split()[-1]).decode().split("\0")
        return b"235 welcome\r\n" if (user, password) == self._login else b"535 5.7.8 wrong\r\n"


def _data(lines: BinaryIO) -> bytes:
    """RFC 5321 §4.5.2: to the line of a single dot; other dots at a line's begin are doubled."""

    def each() -> Iterator[bytes]:
        while (line := lines.readline()) not in (b".\r\n", b""):
            yield line[1:] if line.startswith(b".") else line

    return b"".join(each())

"""TLS as a second kind of stream: the port of `stream.py` over a socket, the bytes in between encrypted.

OpenSSL works on two buffers in memory (`ssl.MemoryBIO`), and this file moves them to and from the socket. Against
`ssl.SSLSocket`, which reads and writes the socket itself, this was measured cheaper (one `recv` for everything that has
arrived instead of two a record; one `send` for several records; no exception to learn that nothing is left), and it is
simpler to be right about: OpenSSL never waits in the middle of a record, and never asks for a write to be repeated.

Two things differ from a socket, and both are kept inside:

- What is encrypted must leave, in order. Where the socket takes only a part, `send` reports that part in proportion,
  and keeps at least one byte back; the rest is *owed*: the caller comes again with what it thinks is left, as with any
  stream, and is told of it when it has gone, without having it encrypted twice.
- A record may hold more than was asked for, and an end may stand behind the last byte, while the descriptor is silent.
  Then `more` is true, and the owner must not wait for the descriptor before it calls `recv` again.

sendfile by kTLS is not used: without the kernel's `tls` module it does not exist, and where it does, OpenSSL must own
the socket. This file knows no certificates and no HTTP, and never waits.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable

from salver.net.stream import SocketStream

__all__ = ["SpokenPlainly", "TLSStream"]

# Encrypted, or decrypted, at once, in bytes: two records. A buffer of OpenSSL stays as large as it ever was, so that
# this is what an idle connection costs that has moved much; twice as much gained nothing.
PIECE = 32_768
_RECORD = 16_384  # RFC 8446 §5.1: bytes that a record holds at most
# Of a larger piece, bytes for which others wait: the socket may take as much as we can encrypt.
_TURN = 1_048_576
_MORE = getattr(socket, "MSG_MORE", 0)
_HANDSHAKE = 0x16  # RFC 8446 §5.1: the type of the record that every client begins with
# What a peer makes us say while we send nothing (RFC 8446 §4.6.3: answers to its key updates), in bytes.
_UNASKED_MOST = 4_096


class SpokenPlainly(ConnectionError):
    """The peer's first bytes are text, no TLS. They have been read; `TLSStream.socket` can be answered on."""


class TLSStream:
    """One end of a TLS connection, as a `Stream`. `shake` must have returned True before anything else.

    Owned by one connection, used by one thread at a time. What TLS finds wrong is a ConnectionError with the reason;
    nothing of `ssl` is raised.
    """

    __slots__ = (
        "_begun",
        "_decrypt",
        "_encrypt",
        "_ended",
        "_failure",
        "_incoming",
        "_outgoing",
        "_owed",
        "_session",
        "_shaken",
        "_speaks_first",
        "_unsent",
        "more",
        "socket",
    )

    def __init__(self, stream: SocketStream, context: ssl.SSLContext, hostname: str | None = None) -> None:
        """`stream`, connected and non-blocking, becomes this one's. It is the server's end, or, with the `hostname`
        that the other one's certificate must name, the client's; `context` is one for that side."""
        self.socket = stream
        self.more = False  # recv() has something to say, though the descriptor may be silent
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(
            self._incoming, self._outgoing, server_side=hostname is None, server_hostname=hostname
        )
        # The C methods that SSLObject.read and .write wrap: every request passes here twice.
        inner = getattr(self._session, "_sslobj", self._session)
        self._decrypt: Callable[[int], bytes] = inner.read
        self._encrypt: Callable[[bytes | bytearray | memoryview], int] = inner.write
        self._speaks_first = hostname is not None
        self._begun = False  # the first byte has come, and it was TLS
        self._shaken = False
        self._ended = False  # the peer said so (close_notify)
        self._failure: ConnectionError | None = None  # found behind bytes that were good
        self._unsent: bytes | memoryview = b""  # encrypted, refused by the socket
        self._owed = 0  # bytes of a caller's data that are in it, and were not reported

    @property
    def session(self) -> ssl.SSLObject:
        """What was agreed with the peer (version, cipher, its certificate): to look at, not to move bytes with."""
        return self._session

    # The handshake

    @property
    def waits_to_send(self) -> bool:
        """True where a handshake goes on when the socket can be written; else when it can be read."""
        return bool(self._unsent)

    def shake(self) -> bool:
        """Go on with the handshake; True once it is complete.

        Raises BlockingIOError, `SpokenPlainly`, or another ConnectionError where it has failed; the peer has then been
        told why, as far as its socket took it.
        """
        if self._unsent and not self._flush():
            return False
        if self._speaks_first and not self._begun:
            self._begun = True
            self._step()
        elif not self._shaken:
            self._take_flight(self.socket.recv(PIECE))
        return self._shaken and not self._unsent

    def _take_flight(self, data: bytes) -> None:
        if not data:
            raise ConnectionAbortedError(errno.ECONNABORTED, "it ended in the handshake")
        if not self._begun and _is_text(data):
            raise SpokenPlainly(errno.EPROTO, "no TLS is spoken")
        self._begun = True
        self._incoming.write(data)
        self._step()

    def _step(self) -> None:
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except ssl.SSLError as error:
            self._flush()
            raise _broken(error) from None
        self._shaken = True
        self.more = bool(self._incoming.pending)
        # In TLS 1.3 a server has only tickets left to send: they leave with the first response, where a request is here
        # already. Where it is not they must not wait: they carry the acknowledgement that a client with Nagle's
        # algorithm waits for before it sends its request, up to 40 ms.
        if not self.more or self._session.version() != "TLSv1.3":
            self._flush()

    # Receiving

    def recv(self, size: int, /) -> bytes:
        if self.more:
            left = self._recv_left(size)
            if left is not None:
                return left
        try:
            data = self.socket.recv(size if size < PIECE else PIECE)
        except BlockingIOError:
            if self._ended:
                return b""
            raise
        if not data:
            # Without close_notify it may be a truncation; HTTP's own framing says whether anything is missing.
            return b""
        incoming, most = self._incoming, size if size < _RECORD else _RECORD
        incoming.write(data)
        try:
            data = self._decrypt(most)
        except ssl.SSLWantReadError:
            self._speak_unasked()
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)) from None
        except ssl.SSLError as error:
            return self._fail(error)
        # A record gives its bytes to one read, if they were asked for: what is left can only be in the buffer.
        if incoming.pending or len(data) == most or not data:
            return self._gather(data, size)
        return data

    def _recv_left(self, size: int) -> bytes | None:
        """What did not fit into the last answer; None if it is not a whole record."""
        self.more = False
        if self._failure is not None:
            self._flush()
            raise self._failure
        if self._ended:
            return b""
        try:
            data = self._decrypt(size)
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as error:
            return self._fail(error)
        return self._gather(data, size)

    def _fail(self, error: ssl.SSLError) -> bytes:
        """b"" where the peer has ended; else raise what is wrong. Its alert leaves, so that the peer can tell."""
        if isinstance(error, ssl.SSLZeroReturnError):
            self._ended = True
            return b""
        self._flush()
        raise _broken(error) from None

    def _gather(self, data: bytes, size: int) -> bytes:
        """`data`, and what other records hold, up to `size`. Where they end, and why, is said by the next call."""
        if not data:
            self._ended = True
            return data
        incoming, session, decrypt = self._incoming, self._session, self._decrypt
        parts, total = [data], len(data)
        try:
            while total < size and (incoming.pending or session.pending()):
                data = decrypt(size - total)
                if not data:
                    self._ended = self.more = True
                    break
                parts.append(data)
                total += len(data)
            else:
                self.more = bool(incoming.pending or session.pending())
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = self.more = True
        except ssl.SSLError as error:
            self._failure, self.more = _broken(error), True
        return b"".join(parts)

    def _speak_unasked(self) -> None:
        """Say what the peer's records made OpenSSL say, before a peer that sends nothing else makes it grow."""
        if self._outgoing.pending > _UNASKED_MOST and not self._flush():
            raise ConnectionAbortedError(errno.ECONNABORTED, "it makes us speak, and does not listen")

    # Sending

    def send(self, data: bytes | bytearray | memoryview, flags: int = 0, /) -> int:
        """As `Stream.send`; with MSG_MORE what is encrypted waits for the next call, and leaves with it.

        After BlockingIOError, or fewer bytes than given, come again with the rest of the same data.
        """
        if self._owed:
            return self._pay()
        if len(data) > PIECE:
            return self._send_pieces(memoryview(data)[:_TURN])
        return self._send_piece(data, flags)

    def _send_pieces(self, view: memoryview) -> int:
        total = 0
        while total < len(view):
            piece = view[total : total + PIECE]
            try:
                gone = self._send_piece(piece)
            except BlockingIOError:
                if not total:
                    raise
                break
            total += gone
            if gone < len(piece):
                break
        return total

    def _send_piece(self, data: bytes | bytearray | memoryview, flags: int = 0) -> int:
        size = len(data)
        if not size:
            return 0
        try:
            self._encrypt(data)
        except ssl.SSLError as error:  # after shutdown_write, or a failure
            raise BrokenPipeError(errno.EPIPE, _reason(error)) from None
        if flags and flags & _MORE and self._outgoing.pending <= PIECE:
            return size
        out = self._outgoing.read()
        if self._unsent:
            out = b"".join((self._unsent, out))
        try:
            gone = self.socket.send(out)
        except BlockingIOError:
            gone = 0
        if gone == len(out):
            self._unsent = b""
            return size
        return self._owe(out, gone, size)

    def _pay(self) -> int:
        """Send what is owed; report how much of it has gone."""
        out, owed = self._unsent, self._owed
        try:
            gone = self.socket.send(out)
        except BlockingIOError:
            gone = 0
        self._owed = 0
        if gone == len(out):
            self._unsent = b""
            return owed
        return self._owe(out, gone, owed)

    def _owe(self, out: bytes | memoryview, gone: int, size: int) -> int:
        """Of `out`, in which `size` bytes were not reported yet, `gone` have left: keep the rest, report so many."""
        told = min(size - 1, size * gone // len(out))
        self._unsent = memoryview(out)[gone:]
        self._owed = size - told
        if not told:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return told

    def _flush(self) -> bool:
        """Send what waits and is nobody's data; True where all of it has gone."""
        out = b"".join((self._unsent, self._outgoing.read()))
        try:
            self._unsent = memoryview(out)[self.socket.send(out) :] if out else b""
        except BlockingIOError:
            self._unsent = out
        return not self._unsent

    def send_file(self, fd: int, offset: int, length: int) -> int:
        if self._owed:
            return self._pay()
        data = os.pread(fd, min(length, PIECE), offset)
        return self.send(data) if data else 0

    def unsent(self) -> int:
        return len(self._unsent) + self.socket.unsent()

    def getsockname(self) -> object:
        return self.socket.getsockname()

    # Ends

    def shutdown_write(self) -> None:
        self._say_goodbye()
        self.socket.shutdown_write()

    def _say_goodbye(self) -> None:
        """close_notify (RFC 8446 §6.1): the peer can tell an end from a cut. Where the socket is full it is lost."""
        try:
            self._session.unwrap()
        except ssl.SSLError:  # the peer has not said it yet, and need not; or there is no session any more
            pass
        self._flush()

    def reset(self) -> None:
        self.socket.reset()

    def close(self) -> None:
        if self.socket.fileno() == -1:
            return
        try:
            if self._shaken and not self._owed:
                self._say_goodbye()
        except OSError:  # the peer has gone: nobody to say it to
            pass
        self.socket.close()

    def fileno(self) -> int:
        return self.socket.fileno()


def _is_text(data: bytes) -> bool:
    """Whether the first bytes could begin a request of HTTP: a letter, or the empty line that some send before it."""
    return data[0] != _HANDSHAKE and (data[:1].isalpha() or data[0] in b"\r\n")


def _broken(error: ssl.SSLError) -> ConnectionError:
    return ConnectionAbortedError(errno.ECONNABORTED, _reason(error))


def _reason(error: ssl.SSLError) -> str:
    """ "TLS: no shared cipher", without OpenSSL's numbers and lines."""
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return f"TLS: {str(reason).replace('_', ' ').lower()}"

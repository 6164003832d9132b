"""Listening sockets: opened from an address, accepting streams, closed without leaving anything behind.

One address may become several sockets (a name with both families). Whatever can go wrong when opening is a
`ListenError` in one line that says what to do, because it goes to the terminal as it is. What goes wrong for a single
connection while accepting is not the listener's trouble, and is passed over; what goes wrong for the whole process is
the caller's, who pauses.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Iterable

from salver.net.address import Address
from salver.net.machine import own_addresses
from salver.net.stream import SocketStream

__all__ = ["ListenError", "Listener", "open_listeners", "urls"]

BACKLOG = 2048

# accept(2): errors of the connection that was about to be accepted, not of the listener.
_TRANSIENT = frozenset(
    getattr(errno, name)
    for name in (
        "ECONNABORTED",
        "EPROTO",
        "EPERM",
        "EINTR",
        "ENETDOWN",
        "ENOPROTOOPT",
        "EHOSTDOWN",
        "ENONET",
        "EHOSTUNREACH",
        "EOPNOTSUPP",
        "ENETUNREACH",
        "ETIMEDOUT",
    )
    if hasattr(errno, name)
)
# So many connections in a row that died before they were accepted, and the caller gets its turn.
_MOST_DEAD = 64
# On Linux an accepted socket inherits TCP_NODELAY from its listener, which saves a system call for each.
_INHERITS_NODELAY = sys.platform.startswith("linux")
_UNIX_PATH_MOST = 107 if sys.platform.startswith("linux") else 103  # unix(7): sun_path with its final NUL
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class ListenError(OSError):
    """An address that cannot be listened on; its text is one line that says why, and what to do."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(number, text)

    def __str__(self) -> str:
        """The line alone, without the number."""
        return str(self.strerror)


class Listener:
    """One listening, non-blocking socket, which it owns. For one thread at a time; `close` is idempotent."""

    __slots__ = ("_family", "_file", "_pid", "_sock", "_tcp", "address", "dual")

    def __init__(self, sock: socket.socket, address: Address, file: os.stat_result | None = None) -> None:
        """`sock` listens already and becomes the listener's. `file`: the socket file that was made for it."""
        self._sock = sock
        self._family = sock.family
        self._tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
        self._file = file
        self._pid = os.getpid()
        self.address = address
        self.dual = sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)

    def fileno(self) -> int:
        """The descriptor, -1 once closed."""
        return self._sock.fileno()

    @property
    def family(self) -> int:
        """AF_INET, AF_INET6 or AF_UNIX."""
        return self._family

    def accept(self) -> tuple[SocketStream, tuple[str, int]]:
        """The next connection, non-blocking, and its peer as `(host, port)`, or `("unix:", 0)`.

        Raises BlockingIOError when there is none, and OSError when the process is out of something (EMFILE, ENFILE,
        ENOBUFS, ENOMEM): the connection then waits in the backlog, and the caller should pause.
        """
        for _ in range(_MOST_DEAD):
            try:
                # The C method that socket.accept wraps: the wrapper would make a socket object that we throw away.
                fd, peer = self._sock._accept()  # type: ignore[attr-defined]
            except OSError as error:
                if error.errno in _TRANSIENT:
                    continue
                raise
            return self._stream(fd), self._peer(peer)
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _stream(self, fd: int) -> SocketStream:
        try:
            stream = SocketStream(self._family, socket.SOCK_STREAM, 0, fileno=fd)
        except BaseException:
            os.close(fd)
            raise
        stream.setblocking(False)
        if self._tcp and not _INHERITS_NODELAY:
            _set_nodelay(stream)
        return stream

    def _peer(self, peer: object) -> tuple[str, int]:
        if not self._tcp or not isinstance(peer, tuple):
            return "unix:", 0
        host: str = peer[0]
        if host.startswith("::ffff:") and "." in host:  # RFC 4291, 2.5.5.2: an IPv4 peer of a dual-stack socket
            host = host[7:]
        return host, peer[1]

    def close(self) -> None:
        """Stop listening. A Unix socket's file goes, if this process made it, and it is still the same."""
        if self._sock.fileno() != -1 and self._file is not None and self._pid == os.getpid():
            _remove_file(self.address.path, self._file)
        self._sock.close()


def open_listeners(
    address: Address, backlog: int = BACKLOG, reuse_port: bool = False, *, unix_mode: int | None = None
) -> list[Listener]:
    """Listen on `address`, with one listener for each of its socket addresses. The caller owns them.

    `backlog`: connections that may wait in the kernel; `reuse_port`: several processes bind the same port, and the
    kernel distributes (SO_REUSEPORT); `unix_mode`: permissions of a Unix socket's file, None for what the umask gives.
    Raises ListenError. A name is looked up, which may take its time.
    """
    if address.kind == "unix":
        return [_open_unix(address, backlog, unix_mode)]
    if address.kind == "fd":
        return [_adopt(address, backlog)]
    if not address.host:
        return _open_everywhere(address, backlog, reuse_port)
    return _open_tcp(address, backlog, reuse_port)


def _open_everywhere(address: Address, backlog: int, reuse_port: bool) -> list[Listener]:
    """One IPv6 socket that takes IPv4 too, where there is IPv6; else one for IPv4."""
    if socket.has_dualstack_ipv6():
        try:
            return [_bind(address, socket.AF_INET6, ("::", address.port), backlog, reuse_port, dual=True)]
        except OSError as error:
            if error.errno not in _NO_SUCH_FAMILY:
                raise _explained(error, address) from error
    try:
        return [_bind(address, socket.AF_INET, ("0.0.0.0", address.port), backlog, reuse_port)]
    except OSError as error:
        raise _explained(error, address) from error


def _open_tcp(address: Address, backlog: int, reuse_port: bool) -> list[Listener]:
    found = _resolve(address)
    opened: list[Listener] = []
    failed: OSError | None = None
    port = address.port
    for family, target in found:
        try:
            opened.append(_bind(address, family, (target[0], port, *target[2:]), backlog, reuse_port))
        except OSError as error:
            # A name such as "localhost" may have a family that this machine has not; the other one is enough.
            failed = error
            if error.errno not in _NO_SUCH_FAMILY:
                break
        else:
            port = opened[-1].address.port  # where any port was asked for, both families get the same
    if failed is not None and (not opened or failed.errno not in _NO_SUCH_FAMILY):
        for listener in opened:
            listener.close()
        raise _explained(failed, address) from failed
    return opened


def _resolve(address: Address) -> list[tuple[int, tuple[str, int] | tuple[str, int, int, int]]]:
    try:
        found = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE, proto=socket.IPPROTO_TCP
        )
    except (socket.gaierror, UnicodeError) as error:
        advice = f"the name {address.host!r} is not known here; give a name or an address of this machine"
        text = f"cannot listen on {address}: {advice}"
        raise ListenError(errno.EADDRNOTAVAIL, text) from error
    seen = dict.fromkeys((int(family), target) for family, _, _, _, target in found)
    return [(family, target) for family, target in seen if len(target) in (2, 4)]  # type: ignore[misc]


def _bind(
    address: Address,
    family: int,
    target: tuple[str, int] | tuple[str, int, int, int],
    backlog: int,
    reuse_port: bool,
    dual: bool = False,
) -> Listener:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        # Otherwise the port stays taken for a minute after a restart, by connections in TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
        _set_nodelay(sock)
        sock.bind(target)
        sock.listen(backlog)
        host, port = sock.getsockname()[:2]
        return Listener(sock, Address("tcp", address.host if dual else host, port))
    except BaseException:
        sock.close()
        raise


def _set_nodelay(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _explained(error: OSError, address: Address) -> ListenError:
    """What happened, and what to do."""
    number = error.errno or errno.EINVAL
    if number == errno.EADDRINUSE:
        advice = "the port is taken; choose another (0 for any that is free), or stop what uses it"
    elif number in (errno.EACCES, errno.EPERM):
        advice = "permission denied; ports below 1024 are the administrator's, choose one above, such as 8000"
    elif number in _NO_SUCH_FAMILY:
        advice = "this machine has no such address; 127.0.0.1 is itself alone, and * all that it has"
    else:
        advice = os.strerror(number)
    return ListenError(number, f"cannot listen on {address}: {advice}")


def _open_unix(address: Address, backlog: int, mode: int | None) -> Listener:
    path = address.path
    abstract = path.startswith("@")
    if len(os.fsencode(path)) > _UNIX_PATH_MOST:
        text = f"cannot listen on {address}: the path is longer than {_UNIX_PATH_MOST} bytes; choose a shorter one"
        raise ListenError(errno.ENAMETOOLONG, text)
    if not abstract:
        _make_way(address)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made: os.stat_result | None = None
    try:
        sock.setblocking(False)
        sock.bind("\0" + path[1:] if abstract else path)
        if not abstract:
            made = os.lstat(path)
            if mode is not None:
                os.chmod(path, mode)  # before listen(): until then nobody can connect
        sock.listen(backlog)
        return Listener(sock, address, made)
    except OSError as error:
        sock.close()
        if made is not None:
            _remove_file(path, made)
        raise _unix_explained(error, address) from error


def _unix_explained(error: OSError, address: Address) -> ListenError:
    number = error.errno or errno.EINVAL
    if number == errno.EADDRINUSE:
        advice = "another process listens there; choose another path, or stop it"
    elif number in (errno.ENOENT, errno.ENOTDIR):
        advice = "its folder does not exist; make it first"
    elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
        advice = "permission denied; choose a folder that you may write to"
    else:
        advice = os.strerror(number)
    return ListenError(number, f"cannot listen on {address}: {advice}")


def _make_way(address: Address) -> None:
    """Remove a socket file that nobody listens on any more. Raises ListenError for anything else that is there."""
    try:
        there = os.lstat(address.path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unix_explained(error, address) from error
    if not stat.S_ISSOCK(there.st_mode):
        text = f"cannot listen on {address}: a file that is no socket is there; choose another path, or remove it"
        raise ListenError(errno.EEXIST, text)
    if _is_alive(address.path):
        raise _unix_explained(OSError(errno.EADDRINUSE, ""), address)
    _remove_file(address.path, there)


def _is_alive(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog is EAGAIN, and somebody's
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def _remove_file(path: str, made: os.stat_result) -> None:
    """Remove the socket file, if it is still that one."""
    try:
        there = os.lstat(path)
        if (there.st_dev, there.st_ino) == (made.st_dev, made.st_ino):
            os.unlink(path)
    except OSError:  # gone already, or not ours to remove any more
        pass


def _adopt(address: Address, backlog: int) -> Listener:
    """An inherited descriptor. It may be bound only, as some supervisors leave it, or listen already."""
    try:
        sock = socket.socket(fileno=address.fd)
    except OSError as error:
        raise _not_a_listener(error.errno or errno.EBADF, address) from error
    try:
        if sock.type != socket.SOCK_STREAM or sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            raise OSError(errno.EOPNOTSUPP, "")
        sock.setblocking(False)
        sock.set_inheritable(False)
        sock.listen(backlog)
        if sock.family != socket.AF_UNIX:
            _set_nodelay(sock)
        return Listener(sock, _bound_address(sock))
    except OSError as error:
        sock.detach()  # it is not ours to close
        raise _not_a_listener(error.errno or errno.EINVAL, address) from error


def _not_a_listener(number: int, address: Address) -> ListenError:
    text = f"cannot listen on {address}: it is no listening socket; pass one of that number from the parent process"
    return ListenError(number, text)


def _bound_address(sock: socket.socket) -> Address:
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        path = "@" + os.fsdecode(name[1:]) if isinstance(name, bytes) else str(name)
        return Address("unix", path=path)
    return Address("tcp", name[0], name[1])


def urls(listeners: Iterable[Listener], scheme: str = "http") -> list[str]:
    """Where a browser on this machine or near it finds the listeners; `unix:…` as it is. Asks no name server."""
    found: list[str] = []
    for listener in listeners:
        address = listener.address
        if address.kind != "tcp":
            found.append(str(address))
            continue
        found.extend(f"{scheme}://{_in_url(host)}:{address.port}/" for host in _hosts(listener))
    return list(dict.fromkeys(found))


def _hosts(listener: Listener) -> list[str]:
    host = listener.address.host
    if listener.dual:
        return own_addresses(socket.AF_INET) + own_addresses(socket.AF_INET6)
    if host in ("0.0.0.0", "::", ""):
        return own_addresses(listener.family)
    return [host]


def _in_url(host: str) -> str:
    return f"[{host.replace('%', '%25')}]" if ":" in host else host  # RFC 6874

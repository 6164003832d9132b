"""Listening on every kind of address; what is said where it cannot be; what is left behind."""

from __future__ import annotations

import errno
import os
import socket
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from salver.net import listener as listener_module
from salver.net.address import Address, parse_address
from salver.net.listener import Listener, ListenError, open_listeners, urls
from salver.net.stream import SocketStream

needs_v6 = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def listen() -> Iterator[Callable[..., list[Listener]]]:
    opened: list[Listener] = []

    def open_one(text: str, **options: object) -> list[Listener]:
        made = open_listeners(parse_address(text), **options)  # type: ignore[arg-type]
        opened.extend(made)
        return made

    yield open_one
    for one in opened:
        one.close()


def _accept(listening: Listener) -> tuple[SocketStream, tuple[str, int]]:
    deadline = time.monotonic() + 5
    while True:
        try:
            return listening.accept()
        except BlockingIOError:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def _visit(listening: Listener, family: int, target: object) -> tuple[str, int]:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(target)  # type: ignore[arg-type]
        stream, peer = _accept(listening)
        stream.send(b"hello")
        assert client.recv(10) == b"hello"
        stream.close()
    return peer


def test_a_port_of_its_own_choice(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    assert one.address.port > 0
    assert str(one.address) == f"127.0.0.1:{one.address.port}"
    peer = _visit(one, socket.AF_INET, ("127.0.0.1", one.address.port))
    assert peer[0] == "127.0.0.1"
    assert peer[1] > 0


def test_what_is_accepted_does_not_block_nor_wait_for_more(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", one.address.port)):
        stream, _ = _accept(one)
        assert isinstance(stream, SocketStream)
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not os.get_blocking(stream.fileno())
        assert not os.get_inheritable(stream.fileno())
        with pytest.raises(BlockingIOError):
            stream.recv(1)
        stream.close()


def test_where_nodelay_is_not_inherited_it_is_set(
    listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "_INHERITS_NODELAY", False)
    [one] = listen("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", one.address.port)):
        stream, _ = _accept(one)
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        stream.close()


def test_nobody_there_is_would_block(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    with pytest.raises(BlockingIOError):
        one.accept()


@needs_v6
def test_ipv6(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("[::1]:0")
    assert _visit(one, socket.AF_INET6, ("::1", one.address.port))[0] == "::1"
    assert urls([one]) == [f"http://[::1]:{one.address.port}/"]


@needs_v6
def test_everywhere_is_both_families_and_a_v4_peer_looks_like_one(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen(":0")
    assert str(one.address) == f"*:{one.address.port}"
    assert _visit(one, socket.AF_INET, ("127.0.0.1", one.address.port))[0] == "127.0.0.1"
    assert _visit(one, socket.AF_INET6, ("::1", one.address.port))[0] == "::1"


@needs_v6
def test_all_of_one_family_leaves_the_port_to_the_other(listen: Callable[..., list[Listener]]) -> None:
    [six] = listen("[::]:0")
    [four] = listen(f"0.0.0.0:{six.address.port}")
    assert four.address.port == six.address.port


def test_everywhere_without_ipv6(listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    [one] = listen(":0")
    assert _visit(one, socket.AF_INET, ("127.0.0.1", one.address.port))[0] == "127.0.0.1"


def _names(monkeypatch: pytest.MonkeyPatch, *found: tuple[int, str]) -> None:
    def getaddrinfo(host: str, port: int, **_: object) -> list[object]:
        return [(family, socket.SOCK_STREAM, 6, "", (host, port)) for family, host in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@needs_v6
def test_a_name_with_both_families_gets_both_on_one_port(
    listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _names(monkeypatch, (socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.1"))
    opened = listen("both.example:0")
    assert [one.address.host for one in opened] == ["::1", "127.0.0.1"]
    assert opened[0].address.port == opened[1].address.port


def test_of_a_name_the_family_that_is_there_is_enough(
    listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch
) -> None:
    _names(monkeypatch, (socket.AF_INET, "192.0.2.77"), (socket.AF_INET, "127.0.0.1"))
    [one] = listen("half.example:0")
    assert one.address.host == "127.0.0.1"


def test_a_name_of_which_one_address_is_taken_opens_none(
    listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = socket.create_server(("127.0.0.2", 0))
    port = taken.getsockname()[1]
    _names(monkeypatch, (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2"))
    with pytest.raises(ListenError, match="taken"):
        listen(f"two.example:{port}")
    socket.create_server(("127.0.0.1", port)).close()
    taken.close()


def _refusal(text: str) -> ListenError:
    with pytest.raises(ListenError) as caught:
        for one in open_listeners(parse_address(text)):
            one.close()
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"cannot listen on {parse_address(text)}: ")
    return caught.value


def test_a_port_that_is_taken(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    error = _refusal(f"127.0.0.1:{one.address.port}")
    assert error.errno == errno.EADDRINUSE
    assert "taken" in str(error)
    [everywhere] = listen(":0")
    assert "taken" in str(_refusal(f":{everywhere.address.port}"))


def test_an_address_of_another_machine() -> None:
    assert "no such address" in str(_refusal("192.0.2.1:0"))


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "not known" in str(_refusal("nowhere.invalid:80"))


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.EACCES, "below 1024"), (errno.ENOBUFS, os.strerror(errno.ENOBUFS))]
)
def test_other_refusals(monkeypatch: pytest.MonkeyPatch, number: int, expected: str) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert expected in str(_refusal("127.0.0.1:80"))
    assert expected in str(_refusal(":80"))


def test_two_may_share_a_port_where_both_say_so(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0", reuse_port=True)
    [other] = listen(f"127.0.0.1:{one.address.port}", reuse_port=True)
    assert one.address == other.address


def test_a_port_can_be_used_again_at_once(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", one.address.port)) as client:
        stream, _ = _accept(one)
        stream.close()  # the server's side closes first, and stays in TIME_WAIT
        client.recv(1)
    one.close()
    listen(f"127.0.0.1:{one.address.port}")


# Accepting


class _Failing:
    """A socket whose accept fails in a given way first."""

    def __init__(self, sock: socket.socket, *failures: int) -> None:
        self._sock = sock
        self.failures = list(failures)

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)

    def _accept(self) -> object:
        if self.failures:
            raise OSError(self.failures.pop(0), "as planned")
        return self._sock._accept()  # type: ignore[attr-defined]


def _failing(one: Listener, *failures: int) -> None:
    one._sock = _Failing(one._sock, *failures)  # type: ignore[assignment]


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.EHOSTUNREACH])
def test_a_connection_that_died_before_it_was_accepted_is_passed_over(
    listen: Callable[..., list[Listener]], number: int
) -> None:
    [one] = listen("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", one.address.port)):
        time.sleep(0.01)
        _failing(one, number, number)
        stream, _ = one.accept()
        stream.close()


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_being_out_of_something_is_the_callers(listen: Callable[..., list[Listener]], number: int) -> None:
    [one] = listen("127.0.0.1:0")
    _failing(one, number)
    with pytest.raises(OSError) as caught:
        one.accept()
    assert caught.value.errno == number


def test_dead_connections_without_end_do_not_hold_the_caller(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    _failing(one, *[errno.ECONNABORTED] * 1000)
    with pytest.raises(BlockingIOError):
        one.accept()


def test_a_connection_reset_while_it_waits_is_survived(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    client = socket.create_connection(("127.0.0.1", one.address.port))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    time.sleep(0.01)
    try:
        stream, _ = one.accept()
        stream.close()
    except BlockingIOError:
        pass
    _visit(one, socket.AF_INET, ("127.0.0.1", one.address.port))


def test_a_stream_that_cannot_be_made_leaks_no_descriptor(
    listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch
) -> None:
    [one] = listen("127.0.0.1:0")

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with socket.create_connection(("127.0.0.1", one.address.port)):
        time.sleep(0.01)
        before = len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(listener_module, "SocketStream", fail)
        with pytest.raises(MemoryError):
            one.accept()
        assert len(os.listdir("/proc/self/fd")) == before


# Unix sockets


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("s")


def test_a_unix_socket_and_no_file_afterwards(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    [one] = listen(f"unix:{path}")
    assert _visit(one, socket.AF_UNIX, str(path)) == ("unix:", 0)
    assert urls([one]) == [f"unix:{path}"]
    one.close()
    one.close()
    assert not path.exists()


def test_the_mode_of_a_unix_socket(listen: Callable[..., list[Listener]], folder: Path) -> None:
    listen(f"unix:{folder}/x.sock", unix_mode=0o660)
    assert stat.S_IMODE((folder / "x.sock").stat().st_mode) == 0o660


def test_a_socket_that_cannot_be_opened_leaves_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "chmod", refuse)
    with pytest.raises(ListenError, match="permission denied"):
        open_listeners(parse_address(f"unix:{folder}/x.sock"), unix_mode=0o600)
    assert os.listdir(folder) == []


def test_a_stale_socket_file_is_replaced(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    [one] = listen(f"unix:{path}")
    _visit(one, socket.AF_UNIX, str(path))


def test_a_live_socket_file_is_refused(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    [one] = listen(f"unix:{path}")
    error = _refusal(f"unix:{path}")
    assert error.errno == errno.EADDRINUSE
    assert "another process listens there" in str(error)
    assert _visit_after_probe(one, path)


def _visit_after_probe(one: Listener, path: Path) -> bool:
    stream, _ = _accept(one)  # the probe's own connection
    stream.close()
    return _visit(one, socket.AF_UNIX, str(path)) == ("unix:", 0)


def test_a_live_socket_with_a_full_backlog_is_alive(folder: Path) -> None:
    path = str(folder / "x.sock")
    with socket.socket(socket.AF_UNIX) as full:
        full.bind(path)
        full.listen(0)
        clients = []
        for _ in range(5):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            clients.append(client)
            try:
                client.connect(path)
            except BlockingIOError:
                break
        assert "another process" in str(_refusal(f"unix:{path}"))
        for client in clients:
            client.close()


def test_another_file_is_not_removed(folder: Path) -> None:
    path = folder / "precious"
    path.write_text("keep")
    assert "no socket" in str(_refusal(f"unix:{path}"))
    assert path.read_text() == "keep"
    link = folder / "link"
    link.symlink_to(path)
    assert "no socket" in str(_refusal(f"unix:{link}"))


def test_a_folder_that_is_missing_and_a_path_that_is_too_long(folder: Path) -> None:
    assert "folder does not exist" in str(_refusal(f"unix:{folder}/missing/x.sock"))
    (folder / "file").write_text("")
    assert "folder does not exist" in str(_refusal(f"unix:{folder}/file/x.sock"))
    assert "longer than" in str(_refusal("unix:/tmp/" + "x" * 200))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract sockets are Linux's")
def test_an_abstract_socket_leaves_no_file(listen: Callable[..., list[Listener]]) -> None:
    name = f"@salver-test-{os.getpid()}"
    [one] = listen(f"unix:{name}")
    assert _visit(one, socket.AF_UNIX, "\0" + name[1:]) == ("unix:", 0)
    assert "another process" in str(_refusal(f"unix:{name}"))


def test_a_file_that_somebody_else_has_put_there_stays(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    [one] = listen(f"unix:{path}")
    path.unlink()
    path.write_text("other")
    one.close()
    assert path.read_text() == "other"


def test_a_child_process_does_not_remove_the_file(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    [one] = listen(f"unix:{path}")
    one._pid = os.getpid() + 1  # as it looks in a forked child
    one.close()
    assert path.exists()


# Inherited descriptors


def test_an_inherited_descriptor_is_adopted(listen: Callable[..., list[Listener]]) -> None:
    given = socket.create_server(("127.0.0.1", 0))
    port = given.getsockname()[1]
    [one] = listen(f"fd:{given.detach()}")
    assert one.address == Address("tcp", "127.0.0.1", port)
    assert _visit(one, socket.AF_INET, ("127.0.0.1", port))[0] == "127.0.0.1"


def test_an_inherited_unix_socket_keeps_its_file(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(path))
    [one] = listen(f"fd:{given.detach()}")
    assert one.address == Address("unix", path=str(path))
    assert _visit(one, socket.AF_UNIX, str(path)) == ("unix:", 0)
    one.close()
    assert path.exists(), "who made it removes it"


def test_an_inherited_abstract_socket(listen: Callable[..., list[Listener]]) -> None:
    given = socket.socket(socket.AF_UNIX)
    given.bind(f"\0salver-test-fd-{os.getpid()}")
    [one] = listen(f"fd:{given.detach()}")
    assert one.address.path == f"@salver-test-fd-{os.getpid()}"


def test_what_is_no_listening_socket_is_refused_and_left_open(folder: Path) -> None:
    assert "no listening socket" in str(_refusal("fd:987654"))
    with open(folder / "file", "wb") as file:
        assert "no listening socket" in str(_refusal(f"fd:{file.fileno()}"))
        os.fstat(file.fileno())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        assert "no listening socket" in str(_refusal(f"fd:{datagrams.fileno()}"))
        os.fstat(datagrams.fileno())


def test_a_descriptor_can_be_left_to_a_child(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    assert not os.get_inheritable(one.fileno())
    number = one.make_inheritable()
    assert number == one.fileno()
    code = f"import socket; s = socket.socket(fileno={number}); c, _ = s.accept(); c.sendall(b'child')"
    with subprocess.Popen([sys.executable, "-c", code + "; s.detach()"], close_fds=True, pass_fds=[number]) as child:
        os.set_blocking(number, True)
        with socket.create_connection(("127.0.0.1", one.address.port), timeout=10) as client:
            assert client.recv(10) == b"child"
        assert child.wait(10) == 0


def test_a_descriptor_can_be_given_away(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    [one] = listen(f"unix:{path}")
    number = one.detach_for_inherit()
    assert one.fileno() == -1
    assert os.get_inheritable(number)
    one.close()
    assert path.exists()
    os.close(number)


# Where they are reached


def test_the_urls_of_everywhere_are_all_of_the_machines(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("0.0.0.0:0")
    found = urls([one, one])
    assert found[0] == f"http://127.0.0.1:{one.address.port}/"
    assert len(found) == len(set(found))
    assert "0.0.0.0" not in " ".join(found)
    assert urls([one], scheme="https")[0].startswith("https://")


@needs_v6
def test_the_urls_of_both_families(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen(":0")
    found = urls([one])
    assert f"http://127.0.0.1:{one.address.port}/" in found
    assert f"http://[::1]:{one.address.port}/" in found

"""Descriptors that came from outside, open and listening."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from salver.net.address import Address
from salver.net.listener import Listener
from tests.net.listening import refusal, visit


def test_an_inherited_descriptor_is_adopted(listen: Callable[..., list[Listener]]) -> None:
    given = socket.create_server(("127.0.0.1", 0))
    port = given.getsockname()[1]
    [one] = listen(f"fd:{given.detach()}")
    assert one.address == Address("tcp", "127.0.0.1", port)
    assert visit(one, socket.AF_INET, ("127.0.0.1", port))[0] == "127.0.0.1"


def test_an_inherited_unix_socket_keeps_its_file(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    given = socket.socket(socket.AF_UNIX)
    given.bind(str(path))
    [one] = listen(f"fd:{given.detach()}")
    assert one.address == Address("unix", path=str(path))
    assert visit(one, socket.AF_UNIX, str(path)) == ("unix:", 0)
    one.close()
    assert path.exists(), "who made it removes it"


def test_an_inherited_abstract_socket(listen: Callable[..., list[Listener]]) -> None:
    given = socket.socket(socket.AF_UNIX)
    given.bind(f"\0salver-test-fd-{os.getpid()}")
    [one] = listen(f"fd:{given.detach()}")
    assert one.address.path == f"@salver-test-fd-{os.getpid()}"


def test_what_is_no_listening_socket_is_refused_and_left_open(folder: Path) -> None:
    assert "no listening socket" in str(refusal("fd:987654"))
    with open(folder / "file", "wb") as file:
        assert "no listening socket" in str(refusal(f"fd:{file.fileno()}"))
        os.fstat(file.fileno())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        assert "no listening socket" in str(refusal(f"fd:{datagrams.fileno()}"))
        os.fstat(datagrams.fileno())

"""Listening on every kind of address, and what is said where it cannot be."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

import pytest

from salver.net.listener import Listener, ListenError, urls
from tests.net.listening import accept, needs_v6, refusal, visit


def test_a_port_of_its_own_choice(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    assert one.address.port > 0
    assert str(one.address) == f"127.0.0.1:{one.address.port}"
    peer = visit(one, socket.AF_INET, ("127.0.0.1", one.address.port))
    assert peer[0] == "127.0.0.1"
    assert peer[1] > 0


@needs_v6
def test_ipv6(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("[::1]:0")
    assert visit(one, socket.AF_INET6, ("::1", one.address.port))[0] == "::1"
    assert urls([one]) == [f"http://[::1]:{one.address.port}/"]


@needs_v6
def test_everywhere_is_both_families_and_a_v4_peer_looks_like_one(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen(":0")
    assert str(one.address) == f"*:{one.address.port}"
    assert visit(one, socket.AF_INET, ("127.0.0.1", one.address.port))[0] == "127.0.0.1"
    assert visit(one, socket.AF_INET6, ("::1", one.address.port))[0] == "::1"


@needs_v6
def test_all_of_one_family_leaves_the_port_to_the_other(listen: Callable[..., list[Listener]]) -> None:
    [six] = listen("[::]:0")
    [four] = listen(f"0.0.0.0:{six.address.port}")
    assert four.address.port == six.address.port


def test_everywhere_without_ipv6(listen: Callable[..., list[Listener]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    [one] = listen(":0")
    assert visit(one, socket.AF_INET, ("127.0.0.1", one.address.port))[0] == "127.0.0.1"


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


def test_a_port_that_is_taken(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    error = refusal(f"127.0.0.1:{one.address.port}")
    assert error.errno == errno.EADDRINUSE
    assert "taken" in str(error)
    [everywhere] = listen(":0")
    assert "taken" in str(refusal(f":{everywhere.address.port}"))


def test_an_address_of_another_machine() -> None:
    assert "no such address" in str(refusal("192.0.2.1:0"))


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "not known" in str(refusal("nowhere.invalid:80"))


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.EACCES, "below 1024"), (errno.ENOBUFS, os.strerror(errno.ENOBUFS))]
)
def test_other_refusals(monkeypatch: pytest.MonkeyPatch, number: int, expected: str) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    assert expected in str(refusal("127.0.0.1:80"))
    assert expected in str(refusal(":80"))


def test_two_may_share_a_port_where_both_say_so(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0", reuse_port=True)
    [other] = listen(f"127.0.0.1:{one.address.port}", reuse_port=True)
    assert one.address == other.address


def test_a_port_can_be_used_again_at_once(listen: Callable[..., list[Listener]]) -> None:
    [one] = listen("127.0.0.1:0")
    with socket.create_connection(("127.0.0.1", one.address.port)) as client:
        stream, _ = accept(one)
        stream.close()  # the server's side closes first, and stays in TIME_WAIT
        client.recv(1)
    one.close()
    listen(f"127.0.0.1:{one.address.port}")


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

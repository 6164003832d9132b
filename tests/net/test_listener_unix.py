"""Unix sockets: whose file it is, and when it goes."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from salver.net.address import parse_address
from salver.net.listener import Listener, ListenError, open_listeners, urls
from tests.net.listening import accept, refusal, visit


def test_a_unix_socket_and_no_file_afterwards(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    [one] = listen(f"unix:{path}")
    assert visit(one, socket.AF_UNIX, str(path)) == ("unix:", 0)
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
    visit(one, socket.AF_UNIX, str(path))


def test_a_live_socket_file_is_refused(listen: Callable[..., list[Listener]], folder: Path) -> None:
    path = folder / "x.sock"
    [one] = listen(f"unix:{path}")
    error = refusal(f"unix:{path}")
    assert error.errno == errno.EADDRINUSE
    assert "another process listens there" in str(error)
    assert _visit_after_probe(one, path)


def _visit_after_probe(one: Listener, path: Path) -> bool:
    stream, _ = accept(one)  # the probe's own connection
    stream.close()
    return visit(one, socket.AF_UNIX, str(path)) == ("unix:", 0)


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
        assert "another process" in str(refusal(f"unix:{path}"))
        for client in clients:
            client.close()


def test_another_file_is_not_removed(folder: Path) -> None:
    path = folder / "precious"
    path.write_text("keep")
    assert "no socket" in str(refusal(f"unix:{path}"))
    assert path.read_text() == "keep"
    link = folder / "link"
    link.symlink_to(path)
    assert "no socket" in str(refusal(f"unix:{link}"))


def test_a_folder_that_is_missing_and_a_path_that_is_too_long(folder: Path) -> None:
    assert "folder does not exist" in str(refusal(f"unix:{folder}/missing/x.sock"))
    (folder / "file").write_text("")
    assert "folder does not exist" in str(refusal(f"unix:{folder}/file/x.sock"))
    assert "longer than" in str(refusal("unix:/tmp/" + "x" * 200))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="abstract sockets are Linux's")
def test_an_abstract_socket_leaves_no_file(listen: Callable[..., list[Listener]]) -> None:
    name = f"@salver-test-{os.getpid()}"
    [one] = listen(f"unix:{name}")
    assert visit(one, socket.AF_UNIX, "\0" + name[1:]) == ("unix:", 0)
    assert "another process" in str(refusal(f"unix:{name}"))


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

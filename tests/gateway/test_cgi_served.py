"""Scripts behind a real server: streams both ways, clients that leave, aborts, and others who are served meanwhile."""

from __future__ import annotations

import os
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from salver.gateway import CGIFolder, CGISite
from salver.service.server import Server
from salver.service.settings import Settings
from tests.gateway.support import (
    body_of,
    children,
    connect,
    descriptors,
    eventually,
    exchange,
    get,
    is_running,
    read_all,
    script,
)

HEAD = "printf 'Content-Type: text/plain\\n\\n'\n"


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    return tmp_path / "cgi"


@pytest.fixture
def server(scripts: Path) -> Iterator[Server]:
    scripts.mkdir()
    handler = CGIFolder(scripts, timeout=3.0, grace=0.5, max_running=100)
    with Server(handler, "127.0.0.1:0", settings=Settings.of(timeout_stalled=2.0)) as running:
        yield running
    assert eventually(lambda: not children()), "a process was left"


def until(client: socket.socket, what: bytes) -> bytes:
    data = b""
    while what not in data:
        piece = client.recv(65_536)
        assert piece, f"closed before {what!r}: {data!r}"
        data += piece
    return data


def test_an_answer_and_the_next_on_one_connection(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "cat; echo $REQUEST_METHOD")
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as client:
        for _ in range(3):
            client.request("POST", "/x", b"abc")
            assert client.getresponse().read() == b"abcPOST\n"
            client.request("HEAD", "/x")
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (200, b"")


def test_output_is_streamed(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo one; while [ ! -e go ]; do sleep 0.01; done; echo two")
    with closing(connect(server)) as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        until(client, b"one\n")
        (scripts / "go").touch()
        assert read_all(client).endswith(b"two\n\r\n0\r\n\r\n")


def test_input_is_streamed(server: Server, scripts: Path) -> None:
    script(scripts, "x", "head -c 100000 > first\n" + HEAD + "cat | wc -c")
    with closing(connect(server)) as client:
        client.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\nConnection: close\r\n\r\n")
        client.sendall(bytes(100_000))
        assert eventually(lambda: (scripts / "first").exists() and (scripts / "first").stat().st_size == 100_000)
        client.sendall(bytes(200_000))
        assert b"200000" in read_all(client)


def test_who_reads_nothing_before_all_is_sent_gets_as_much_back(server: Server, scripts: Path) -> None:
    """More than the sockets and pipes in between hold, both ways, through a script that answers as it reads."""
    script(scripts, "x", HEAD + "exec cat")
    body = os.urandom(1_000_000) * 12
    with closing(connect(server)) as client:
        client.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
        client.sendall(body)
        answer = read_all(client)
    _, _, content = answer.partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200") and len(content) >= len(body)


def test_continue_is_said_when_a_script_will_read(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "cat")
    with closing(connect(server)) as client:
        client.sendall(
            b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        )
        assert until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert body_of(read_all(client)) == b"abc"


def test_a_body_for_nobody_is_answered_at_once(server: Server, scripts: Path) -> None:
    answer = exchange(server, b"POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404") and b"100 Continue" not in answer


def test_a_chunked_body(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo $CONTENT_LENGTH; cat; env | grep -c TRANSFER")
    answer = exchange(
        server,
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    )
    assert body_of(answer) == b"5\nabcde0\n"


def test_a_body_that_breaks_off(server: Server, scripts: Path) -> None:
    script(scripts, "x", "echo $$ > pid; cat > /dev/null;" + HEAD)
    with closing(connect(server)) as client:
        client.sendall(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + bytes(100_000))
        assert eventually(lambda: (scripts / "pid").exists() and (scripts / "pid").read_text())
    assert eventually(lambda: not children())


@pytest.mark.parametrize("ending", ["kill -9 $$", "sleep 60"])
def test_what_breaks_off_is_aborted(server: Server, scripts: Path, ending: str) -> None:
    script(scripts, "x", HEAD + "echo half; sleep 0.1;" + ending)
    with closing(connect(server)) as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        until(client, b"half\n")
        with pytest.raises(ConnectionResetError):
            assert b"0\r\n\r\n" not in read_all(client)


def test_less_than_was_promised_is_aborted(server: Server, scripts: Path) -> None:
    script(scripts, "x", "printf 'Content-Type: a/b\\nContent-Length: 100\\n\\n'; echo half; sleep 0.1")
    with pytest.raises(ConnectionResetError):
        get(server, "/x")


def test_a_client_that_leaves_while_it_is_answered_takes_the_script_along(server: Server, scripts: Path) -> None:
    script(scripts, "x", "echo $$ > pid\n" + HEAD + "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxx; done")
    with closing(connect(server)) as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        until(client, b"xxx")
    pid = int((scripts / "pid").read_text())
    assert eventually(lambda: not is_running(pid)) and eventually(lambda: not children())


def test_a_client_that_does_not_read_holds_no_thread_and_not_for_ever(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "exec cat /dev/zero")
    script(scripts, "y", HEAD + "echo quick")
    slow = [connect(server) for _ in range(5)]
    for client in slow:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert eventually(lambda: len(children()) == 5)
    time.sleep(0.3)
    assert b"quick" in get(server, "/y")
    assert eventually(lambda: not children(), 20)
    for client in slow:
        client.close()


def test_others_are_served_while_scripts_work(server: Server, scripts: Path) -> None:
    script(scripts, "slow", HEAD + "sleep 1; echo slow")
    script(scripts, "quick", HEAD + "echo quick")
    threads = [threading.Thread(target=get, args=(server, "/slow")) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert eventually(lambda: len(children()) >= 20)
    began = time.monotonic()
    assert b"quick" in get(server, "/quick") and time.monotonic() - began < 0.8
    for thread in threads:
        thread.join()


def test_a_hundred_at_once_leave_nothing(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo fine")
    get(server, "/x")
    before = descriptors()
    statuses: list[bytes] = []

    def ask() -> None:
        statuses.extend(get(server, "/x")[9:12] for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [b"200"] * 100
    assert eventually(lambda: not children() and descriptors() <= before + 2)


def test_a_half_closed_client_is_answered(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "sleep 0.3; echo done")
    with closing(connect(server)) as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        assert b"done" in read_all(client)


def test_the_server_stops_while_scripts_work(scripts: Path) -> None:
    script(scripts, "x", "echo $$ > pid\n" + HEAD + "while :; do echo x; sleep 0.05; done")
    running = Server(CGIFolder(scripts, grace=0.2), "127.0.0.1:0")
    running.start()
    with closing(connect(running)) as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        until(client, b"x\n")
        running.stop(grace=0.3)
    assert eventually(lambda: not children(), 5)


def test_http_1_0_has_the_end_of_the_connection(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo one; sleep 0.1; echo $SERVER_PROTOCOL")
    answer = exchange(server, b"GET /x HTTP/1.0\r\n\r\n")
    assert answer.endswith(b"\r\n\r\none\nHTTP/1.0\n") and b"chunked" not in answer


def test_a_reset_within_a_silent_answer(server: Server, scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo $$; while :; do sleep 0.05; echo; done")
    client = connect(server)
    client.sendall(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    found = re.search(rb"\n(\d+)\n", until(client, b"\n\r\n"))
    assert found is not None
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert eventually(lambda: not is_running(int(found[1])))


def test_a_site_of_files_and_scripts(tmp_path: Path) -> None:
    script(tmp_path, "cgi-bin/x", HEAD + "cat; echo $SCRIPT_NAME")
    with Server(CGISite(lambda _: "elsewhere", {"/cgi-bin": tmp_path / "cgi-bin"}), "127.0.0.1:0") as server:
        assert b"elsewhere" in get(server, "/")
        body = os.urandom(40).hex().encode()
        asked = b"PUT /cgi-bin/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 80\r\n\r\n" + body
        assert body_of(exchange(server, asked)) == body + b"/cgi-bin/x\n"

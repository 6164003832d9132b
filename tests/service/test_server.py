"""A server on real sockets: starting, stopping, several addresses, and blocking handlers beside quick ones."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from salver.net.listener import ListenError
from salver.request import Request
from salver.response import Response
from salver.service.server import Server
from salver.service.settings import Settings

GET = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n"


def hello(request: Request) -> str:
    return f"hello {request.path}"


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def read_response(client: socket.socket) -> tuple[int, bytes]:
    """One response with a Content-Length; its status and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(client)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += _more(client)
    return int(head.split()[1]), body


def _more(client: socket.socket) -> bytes:
    data = client.recv(65_536)
    if not data:
        raise ConnectionError("closed by the server")
    return data


def get(server: Server, path: str = "/") -> tuple[int, bytes]:
    with contextlib.closing(connect(server)) as client:
        client.sendall(GET % path.encode())
        return read_response(client)


@pytest.fixture(params=["epoll", "selectors"])
def poller(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_server_answers_on_the_port_it_names(poller: str) -> None:
    with Server(hello, "127.0.0.1:0", settings=Settings(poller=poller)) as server:
        assert server.port > 0 and server.addresses == [f"127.0.0.1:{server.port}"]
        assert server.urls == [f"http://127.0.0.1:{server.port}/"]
        assert get(server, "/x") == (200, b"hello /x")


def test_a_port_that_is_taken_is_an_error_at_once() -> None:
    server = Server(hello, "127.0.0.1:0")
    with pytest.raises(ListenError, match=str(server.port)):
        Server(hello, f"127.0.0.1:{server.port}")
    server.stop()


@pytest.mark.parametrize(
    ("handler", "wrong", "says"),
    [
        ("site", {}, "no handler.*Folder"),
        (None, {}, "no handler"),
        (Path, {}, r"Path is a class.*as_handler\(Path\)"),
        (hello, {"bind": 8000}, "an address is text.*not 8000"),
        (hello, {"tls": "cert.pem"}, "TLSFiles.*not 'cert.pem'"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(handler: Any, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=says):
        Server(handler, **{"bind": "127.0.0.1:0", **wrong})


def test_several_addresses_and_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with Server(lambda request: request.client.host, ["127.0.0.1:0", f"unix:{path}"]) as server:
        assert get(server) == (200, b"127.0.0.1")
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(str(path))
            client.sendall(GET % b"/")
            assert read_response(client) == (200, b"unix:")
    assert not path.exists()


def test_many_requests_on_many_connections() -> None:
    with Server(hello, "127.0.0.1:0") as server:
        clients = [connect(server) for _ in range(50)]
        for turn in range(20):
            for client in clients:
                client.sendall(GET % b"/%d" % turn)
            assert {read_response(client) for client in clients} == {(200, b"hello /%d" % turn)}
        for client in clients:
            client.close()


def test_stopping_answers_what_is_in_flight_and_closes_the_idle() -> None:
    entered = threading.Event()

    def slow(request: Request) -> str:
        entered.set()
        time.sleep(0.5)
        return "done"

    server = Server(slow, "127.0.0.1:0")
    server.start()
    busy, idle = connect(server), connect(server)
    busy.sendall(GET % b"/")
    assert entered.wait(5)
    began = time.monotonic()
    server.stop(grace=10)
    assert 0.2 < time.monotonic() - began < 8
    assert read_response(busy) == (200, b"done")
    assert idle.recv(10) == b""
    with pytest.raises(OSError):
        connect(server)
    busy.close()
    idle.close()
    server.wait()


def test_what_outlives_the_grace_is_cut() -> None:
    release = threading.Event()
    entered = threading.Event()

    def hanging(request: Request) -> str:
        entered.set()
        release.wait(20)
        return "late"

    server = Server(hanging, "127.0.0.1:0")
    server.start()
    client = connect(server)
    client.sendall(GET % b"/")
    assert entered.wait(5)
    began = time.monotonic()
    server.stop(grace=0.3)
    assert time.monotonic() - began < 10
    release.set()
    client.close()


def test_a_patient_stop_answers_one_more_request_of_each_connection() -> None:
    server = Server(hello, "127.0.0.1:0")
    server.start()
    client = connect(server)
    client.sendall(GET % b"/")
    read_response(client)
    stopping = threading.Thread(target=server.stop, kwargs={"grace": 10, "patience": 5})
    stopping.start()
    until_it_listens_no_more(server)
    client.sendall(GET % b"/again")
    assert read_response(client) == (200, b"hello /again")
    assert client.recv(10) == b""
    stopping.join(5)
    assert not stopping.is_alive()
    client.close()


def until_it_listens_no_more(server: Server) -> None:
    with pytest.raises(ConnectionRefusedError):
        while True:
            with contextlib.suppress(ConnectionResetError):  # it was in the queue of the listener that closed
                connect(server).close()


def test_a_server_that_is_asked_to_stop_is_as_patient_as_its_settings_say() -> None:
    server = Server(hello, "127.0.0.1:0", settings=Settings.of(timeout_last_request=5))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    client, idle = connect(server), connect(server)
    for each in (client, idle):
        each.sendall(GET % b"/")
        read_response(each)
    server.request_stop()
    until_it_listens_no_more(server)
    client.sendall(GET % b"/again")
    assert read_response(client) == (200, b"hello /again")
    assert client.recv(10) == b""
    server.stop(0)  # whoever is in a hurry does not wait for the other one's last request
    assert idle.recv(10) == b""
    serving.join(5)
    assert not serving.is_alive()
    client.close()
    idle.close()


def test_a_blocking_handler_does_not_hold_up_the_others() -> None:
    def mixed(request: Request) -> str:
        if request.path == "/slow":
            time.sleep(1.0)
        return "x"

    with Server(mixed, "127.0.0.1:0") as server:
        slow = [connect(server) for _ in range(8)]
        for client in slow:
            client.sendall(GET % b"/slow")
        time.sleep(0.1)
        for _ in range(20):
            assert get(server)[0] == 200
        assert not select.select(slow, [], [], 0)[0], "quick requests waited for slow ones"
        assert [read_response(client)[0] for client in slow] == [200] * 8
        for client in slow:
            client.close()


def test_blocking_requests_run_side_by_side() -> None:
    def sleepy(request: Request) -> str:
        time.sleep(0.1)
        return "x"

    with Server(sleepy, "127.0.0.1:0") as server:
        get(server)
        clients = [connect(server) for _ in range(40)]
        began = time.monotonic()
        for client in clients:
            client.sendall(GET % b"/")
        for client in clients:
            assert read_response(client)[0] == 200
            client.close()
        assert time.monotonic() - began < 3.0, "40 sleeps of 0.1 s, one after the other, take 4 s"


def test_past_threads_and_queue_the_answer_is_503() -> None:
    release = threading.Event()

    def hanging(request: Request) -> Response:
        release.wait(20)
        return Response("x")

    settings = Settings.of(limit_threads=2, limit_queue=2)
    with Server(hanging, "127.0.0.1:0", settings=settings) as server:
        clients = [connect(server) for _ in range(30)]
        for client in clients:
            client.sendall(GET % b"/")
        time.sleep(1.0)
        release.set()
        statuses = [read_response(client)[0] for client in clients]
        assert set(statuses) == {200, 503}
        for client in clients:
            client.close()


def test_accepting_pauses_at_the_limit_of_connections_and_goes_on() -> None:
    settings = Settings.of(limit_connections=12)
    with Server(hello, "127.0.0.1:0", settings=settings) as server:
        held = [connect(server) for _ in range(30)]
        time.sleep(0.2)
        for client in held:
            client.close()
        began = time.monotonic()
        assert get(server)[0] == 200
        assert time.monotonic() - began < 5


def test_stop_before_start_closes_the_listeners() -> None:
    server = Server(hello, "127.0.0.1:0")
    port = server.port
    server.stop()
    server.wait()
    Server(hello, f"127.0.0.1:{port}").stop()

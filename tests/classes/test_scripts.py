"""Scripts as people write them, each run on the standard library and by `salver run`, with the same expectations."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

SCRIPTS = Path(__file__).parent / "scripts"
WAYS = {"original": [sys.executable], "ours": [sys.executable, "-m", "salver", "run"]}


class Script:
    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    @contextlib.contextmanager
    def ask(
        self, method: str, path: str, body: bytes | None = None, **fields: str
    ) -> Iterator[http.client.HTTPResponse]:
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request(method, path, body, fields)
            with client.getresponse() as response:
                yield response
        finally:
            client.close()

    def read(self, method: str, path: str, body: bytes | None = None, **fields: str) -> tuple[int, bytes]:
        with self.ask(method, path, body, **fields) as response:
            return response.status, response.read()

    def interrupt(self) -> str:
        """Ctrl-C; what the script says afterwards."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=20)[0]


@contextlib.contextmanager
def script(way: str, name: str, *arguments: str) -> Iterator[Script]:
    command = [*WAYS[way], str(SCRIPTS / name), "0", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield Script(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_json_api(way: str) -> None:
    with script(way, "json_api.py") as it:
        assert it.read("GET", "/items/a") == (404, b'{"error": "not found"}')
        assert it.read("PUT", "/items/a", json.dumps([1]).encode()) == (201, b'{"ok": true}')
        assert it.read("GET", "/items/a") == (200, b"[1]")
        assert it.interrupt() == "closed\n"


def test_server_sent_events_arrive_one_by_one(way: str) -> None:
    with script(way, "sse.py") as it:
        with it.ask("GET", "/") as response:
            assert response.fp.readline() == b"data: 0\n"
            assert response.fp.read() == b"\ndata: 1\n\ndata: 2\n\n"
        assert it.interrupt() == "closed\n"


def test_a_callback(way: str) -> None:
    with script(way, "oauth.py") as it:
        assert it.read("GET", "/favicon.ico") == (200, b"You can close this window.")
        assert it.read("GET", "/?code=sesame") == (200, b"You can close this window.")
        assert it.process.communicate(timeout=10)[0] == "got sesame\n"
        assert it.process.returncode == 0


def test_basic_authentication_in_parse_request(way: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"file")
    with script(way, "auth.py", str(tmp_path)) as it:
        with it.ask("GET", "/f") as response:
            assert (response.status, response.getheader("WWW-Authenticate")) == (401, 'Basic realm="x"')
        assert it.read("GET", "/f", Authorization="Basic dXNlcjp3b3Jk") == (200, b"file")
        assert it.interrupt() == "closed\n"


def test_wsgiref(way: str) -> None:
    with script(way, "wsgi.py") as it:
        assert it.read("GET", "/") == (200, b"GET ")
        assert it.read("POST", "/", b"posted") == (200, b"POST posted")
        assert it.interrupt() == "closed\n"


def test_an_upload_form(way: str, tmp_path: Path) -> None:
    photo = os.urandom(300_000)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nfor <you>\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="../photo.jpg"\r\n'
        b"Content-Type: image/jpeg\r\nContent-Transfer-Encoding: binary\r\n\r\n" + photo + b"\r\n--x--\r\n"
    )
    with script(way, "upload.py", str(tmp_path)) as it:
        status, page = it.read("GET", "/")
        assert (status, b"<form method=post" in page) == (200, True)
        status, page = it.read("POST", "/", body, **{"Content-Type": "multipart/form-data; boundary=x"})
        assert (status, page) == (200, b"<ul><li>note: for &lt;you&gt;<li>../photo.jpg: 300000 bytes</ul>")
        assert (tmp_path / "photo.jpg").read_bytes() == photo
        assert it.read("POST", "/", b"a=b", **{"Content-Type": "text/plain"})[0] == 415
        assert it.interrupt() == "closed\n"


def test_an_exporter_in_a_daemon_thread(way: str) -> None:
    with script(way, "exporter.py") as it:
        with it.ask("GET", "/") as response:
            assert (response.status, response.getheader("Location")) == (302, "/metrics")
            assert response.getheader("Server", "").startswith("exporter/1.0")
        status, metrics = it.read("GET", "/metrics")
        assert status == 200
        assert metrics.startswith(
            b'# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total{kind="nightly"} '
        )
        assert b'\nscrapes_total{path="/metrics"} 1\n' in metrics
        assert it.interrupt() == "closed\n"


def test_a_download_in_chunks(way: str) -> None:
    expected = "".join(f"{number},{number * number}\n" for number in range(100_000)).encode()
    with script(way, "chunked.py") as it:
        client = http.client.HTTPConnection("127.0.0.1", it.port, timeout=10)
        for _ in range(2):
            client.request("GET", "/numbers.csv")
            response = client.getresponse()
            assert response.getheader("Transfer-Encoding") == "chunked"
            assert response.read() == expected
        client.close()
        assert it.interrupt() == "closed\n"


def test_a_camera(way: str) -> None:
    with script(way, "mjpeg.py") as it:
        with it.ask("GET", "/") as response:
            assert (response.status, response.getheader("Location")) == (301, "/stream.mjpg")
        assert it.read("GET", "/elsewhere")[0] == 404
        with it.ask("GET", "/stream.mjpg") as response:
            assert response.getheader("Content-Type") == "multipart/x-mixed-replace; boundary=FRAME"
            for _ in range(3):
                assert _frame(response.fp).startswith(b"\xff\xd8")
        assert it.process.stdout is not None
        assert it.process.stdout.readline() == "gone: True\n"
        assert it.interrupt() == "closed\n"


def _frame(stream: BinaryIO) -> bytes:
    assert stream.readline() == b"--FRAME\r\n"
    assert stream.readline().lower() == b"content-type: image/jpeg\r\n"
    length = int(stream.readline().partition(b":")[2])
    assert stream.readline() == b"\r\n"
    frame = stream.read(length)
    assert stream.readline() == b"\r\n"
    return frame


def test_long_polling(way: str) -> None:
    with script(way, "longpoll.py") as it:
        assert it.read("GET", "/?wait=0") == (200, b'{"next": 0, "messages": []}')
        with ThreadPoolExecutor(5) as pool:
            waiting = [pool.submit(it.read, "GET", "/?since=0&wait=10") for _ in range(5)]
            time.sleep(0.3)
            assert not any(each.done() for each in waiting)
            assert it.read("POST", "/", "früh".encode()) == (202, b"")
            for each in waiting:
                status, reply = each.result(10)
                assert (status, json.loads(reply)) == (200, {"next": 1, "messages": ["früh"]})
        assert it.read("GET", "/?since=1&wait=0.05") == (200, b'{"next": 1, "messages": []}')
        assert it.interrupt() == "closed\n"


@contextlib.contextmanager
def a_proxied_api(way: str, *arguments: str) -> Iterator[tuple[Script, Script]]:
    """The proxy, and the JSON API behind it."""
    with (
        script(way, "json_api.py") as behind,
        script(way, "proxy.py", f"http://127.0.0.1:{behind.port}", *arguments) as proxy,
    ):
        yield proxy, behind
        assert proxy.interrupt() == "closed\n"


def test_a_reverse_proxy(way: str) -> None:
    with a_proxied_api(way) as (proxy, _):
        assert proxy.read("PUT", "/items/a", b'{"b": 1}') == (201, b'{"ok": true}')
        assert proxy.read("GET", "/items/a") == (200, b'{"b": 1}')
        assert proxy.read("GET", "/items/none") == (404, b'{"error": "not found"}')


def test_a_forward_proxy(way: str) -> None:
    with a_proxied_api(way) as (proxy, behind):
        through = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{proxy.port}"}))
        with through.open(f"http://127.0.0.1:{behind.port}/items", timeout=10) as response:
            assert response.read() == b"{}"
        with pytest.raises(urllib.error.HTTPError) as refused:
            through.open("http://127.0.0.1:1/", timeout=10)
        assert refused.value.code == 502
        refused.value.close()


def test_a_tunnel(way: str) -> None:
    with a_proxied_api(way, "--tunnel") as (proxy, behind):
        client = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        client.set_tunnel("127.0.0.1", behind.port)
        client.request("PUT", "/items/t", b"[1]")
        assert client.getresponse().read() == b'{"ok": true}'
        client.close()
        assert behind.read("GET", "/items/t") == (200, b"[1]")
        assert proxy.read("GET", "/items/t") == (200, b"[1]")


def test_a_folder_by_a_partial(way: str, tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes(b"text")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "index.html").write_bytes(b"<p>index")
    with script(way, "folder.py", str(tmp_path)) as it:
        with it.ask("GET", "/a%20b.txt") as response:
            assert (response.status, response.read()) == (200, b"text")
            assert response.getheader("Content-Type") == "text/plain"
            changed = response.getheader("Last-Modified", "")
        assert it.read("GET", "/a%20b.txt", None, **{"If-Modified-Since": changed}) == (304, b"")
        with it.ask("GET", "/sub") as response:
            assert (response.status, response.getheader("Location")) == (301, "/sub/")
        assert it.read("GET", "/sub/") == (200, b"<p>index")
        assert b'href="a%20b.txt"' in it.read("GET", "/")[1]
        assert it.read("GET", "/../../../etc/passwd")[0] == 404
        assert it.read("HEAD", "/a%20b.txt") == (200, b"")
        assert it.read("POST", "/a%20b.txt", b"x")[0] in (405, 501)  # ours names the methods that there are
        assert it.interrupt() == "closed\n"


def test_a_handle_of_its_own(way: str) -> None:
    with script(way, "handle.py") as it:
        client = http.client.HTTPConnection("127.0.0.1", it.port, timeout=10)
        for number in (1, 2):
            client.request("GET", "/")
            assert client.getresponse().read() == b"request %d of connection 1" % number
        client.request("POST", "/", b"stressed")
        assert client.getresponse().read() == b"desserts"
        assert it.read("GET", "/", Connection="close") == (200, b"request 1 of connection 2")
        assert it.process.stdout is not None
        assert it.process.stdout.readline() == "finished after 1\n"
        client.close()
        assert it.process.stdout.readline() == "finished after 4\n"  # the fourth was the end of the connection
        assert it.interrupt() == "closed\n"


def test_a_script_that_is_not_there() -> None:
    command = [*WAYS["ours"], "no-such-script.py"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no-such-script.py" in done.stderr

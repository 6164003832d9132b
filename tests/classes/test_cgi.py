"""Rows C1 to C3 of the mission, through `CGIHTTPRequestHandler`: on the fast way and on the blocking way, strictly and
leniently."""

from __future__ import annotations

import os
import socket
import time
import warnings
from pathlib import Path
from typing import Any

import pytest

from salver.classes.cgi import _url_collapse_path, nobody_uid
from salver.gateway import CGISettings
from salver.server import CGIHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from tests.classes.running import connect, exchange, get, receive, running, until_closed
from tests.classes.tower import ANY, Blocking
from tests.gateway.support import children, eventually, script

HELLO = "printf 'Content-Type: text/plain\\n\\nhello'"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    script(tmp_path, "cgi-bin/hello.sh", HELLO)
    script(tmp_path, "cgi-bin/env.sh", "printf 'Content-Type: text/plain\\n\\n'; env")
    script(tmp_path, "cgi-bin/cat.sh", "printf 'Content-Type: text/plain\\n\\n'; cat")
    script(tmp_path, "cgi-bin/deep/er.sh", HELLO)
    (tmp_path / "cgi-bin/plain.py").write_text("print('Content-Type: text/plain\\n\\npython')")
    (tmp_path / "cgi-bin/notes.txt").write_text("secret notes")
    (tmp_path / "index.html").write_text("the index")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/page.html").write_text("a page")
    return tmp_path


class Quiet(CGIHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(params=["threads", "one", "blocking", "blocking-one", "lenient"])
def serve(request: pytest.FixtureRequest, site: Path) -> Any:
    """Makes a server of the site, with attributes for its handler class."""

    def make(**attributes: Any) -> HTTPServer:
        bases: tuple[type, ...] = (Quiet,)
        if request.param.startswith("blocking"):
            bases = (Blocking, Quiet)
        if request.param == "lenient":
            attributes["dangerous_leniency"] = True

        class Here(*bases):  # type: ignore[misc]  # chosen above
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)
                    super().__init__(*args, directory=str(site), **kwargs)

        handler_class = type("Site", (Here,), attributes)
        server = (HTTPServer if request.param.endswith("one") else ThreadingHTTPServer)(ANY, handler_class)
        assert server._takes_fast_way() is (request.param in ("threads", "one"))
        return server

    return make


def ask(server: Any, sent: bytes) -> bytes:
    """The reply, its chunks decoded."""
    return without_chunks(exchange(server, sent))


def without_chunks(reply: bytes) -> bytes:
    """Whether there are any depends on how soon the script ends."""
    head, _, rest = reply.partition(b"\r\n\r\n")
    if b"\r\nTransfer-Encoding: chunked" not in head or reply.count(b"HTTP/1.1 ") > 1:
        return reply
    body = b""
    while not rest.startswith(b"0\r\n"):
        size, _, rest = rest.partition(b"\r\n")
        body += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return head + b"\r\n\r\n" + body


def variables(reply: bytes) -> dict[str, str]:
    lines = reply.partition(b"\r\n\r\n")[2].decode("latin-1").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


class TestC1:
    def test_c1_get_head_and_post(self, serve: Any) -> None:
        with running(serve()) as server:
            reply = ask(server, get("/cgi-bin/hello.sh"))
            assert reply.startswith(b"HTTP/1.1 200 ") and reply.endswith(b"\r\n\r\nhello")
            assert (b"\r\nContent-Length: 5\r\n" in reply) is not (b"\r\nTransfer-Encoding: chunked\r\n" in reply)
            reply = ask(server, get("/cgi-bin/hello.sh", method="HEAD"))
            assert reply.startswith(b"HTTP/1.1 200 ") and reply.endswith(b"\r\n\r\n")
            reply = ask(server, get("/cgi-bin/cat.sh", method="POST", body=b"what was sent"))
            assert reply.endswith(b"\r\n\r\nwhat was sent")

    def test_c1_post_to_a_file_is_not(self, serve: Any) -> None:
        with running(serve()) as server:
            reply = ask(server, get("/index.html", method="POST", body=b"x"))
            assert reply.startswith(b"HTTP/1.1 501 ") and b"Can only POST to CGI scripts" in reply

    def test_c1_the_variables(self, serve: Any, site: Path) -> None:
        fields = "Accept: a/b", "Accept: c/d", "Cookie: \xe9=1", "X-A_b: no"
        asked = get("/cgi-bin/env.sh/more%20info/x?a=b&c=d?e", *fields)
        with running(serve()) as server:
            found = variables(ask(server, asked))
            port = str(server.server_port)
        expected = {
            "GATEWAY_INTERFACE": "CGI/1.1",
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "/cgi-bin/env.sh",
            "PATH_INFO": "/more info/x",
            "PATH_TRANSLATED": str(site / "more info/x"),
            "QUERY_STRING": "a=b&c=d?e",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_NAME": "x",
            "SERVER_SOFTWARE": "Salver",
            "DOCUMENT_ROOT": str(site),
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_ACCEPT": "a/b,c/d",
            "HTTP_COOKIE": "\xe9=1",
            "HTTP_USER_AGENT": "",
            "CONTENT_LENGTH": "",
        }
        assert {name: found.get(name) for name in expected} == expected
        assert found["SERVER_PORT"] == port and found["SERVER_ADDR"] == "127.0.0.1"
        assert "HTTP_PROXY" not in found and "HTTP_X_A_B" not in found and port != "80"

    def test_c1_without_a_host_the_server_names_itself(self, serve: Any) -> None:
        with running(serve()) as server:
            found = variables(ask(server, b"GET /cgi-bin/env.sh HTTP/1.0\r\n\r\n"))
            assert (found["SERVER_NAME"], found["SERVER_PORT"]) == ("127.0.0.1", str(server.server_port))

    def test_c1_python_needs_no_run_bit(self, serve: Any) -> None:
        with running(serve()) as server:
            assert ask(server, get("/cgi-bin/plain.py")).endswith(b"\r\n\r\npython\n")

    def test_c1_files_are_served_beside(self, serve: Any) -> None:
        with running(serve()) as server:
            assert ask(server, get("/")).endswith(b"the index")
            assert ask(server, get("/sub/page.html?x")).endswith(b"a page")

    def test_c1_folders_are_gone_through(self, serve: Any) -> None:
        with running(serve()) as server:
            assert ask(server, get("/cgi-bin/deep/er.sh")).endswith(b"hello")

    def test_c1_many_on_one_connection(self, serve: Any) -> None:
        with running(serve()) as server:
            reply = ask(server, get("/cgi-bin/hello.sh", close=False) * 2 + get("/cgi-bin/hello.sh"))
        assert reply.count(b"hello") == reply.count(b"HTTP/1.1 200 ") == 3

    @pytest.mark.parametrize(
        "path",
        [
            "/cgi-bin%2fhello.sh",
            "/cgi-bin//hello.sh",
            "/cgi-bin/./hello.sh",
            "/sub/../cgi-bin/hello.sh",
            "/%63gi-bin/hello.sh",
        ],
    )
    def test_c1_a_path_is_collapsed_once(self, serve: Any, path: str) -> None:
        with running(serve()) as server:
            assert ask(server, get(path)).endswith(b"\r\n\r\nhello")

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("/cgi-bin/nothing.sh", 404),
            ("/cgi-bin/notes.txt", 403),
            ("/cgi-bin/", 403),
            ("/cgi-bin/deep/", 403),
            ("/cgi-bin/.hidden.sh", 404),
            ("/cgi-bin/hello.sh%00", 404),
            ("/cgi-bin/hello.sh/a%0ab", 404),
            ("/cgi-bin/hello.sh/a%5cb", 404),
            ("/cgi-bin/link.sh", 404),
            ("/../cgi-bin/hello.sh", 404),
            ("/cgi-bin/%252e%252e/sub/tool.sh", 404),
            ("/cgi-bin/hello%252esh", 404),
            ("/cgi-bin/hello.sh%3fa=b", 404),
        ],
    )
    def test_c1_what_is_not_run(self, serve: Any, site: Path, path: str, status: int) -> None:
        script(site, "cgi-bin/.hidden.sh", HELLO)
        script(site, "sub/tool.sh", HELLO)
        script(site.parent, "outside.sh", HELLO)
        (site / "cgi-bin/link.sh").symlink_to(site.parent / "outside.sh")
        with running(serve()) as server:
            reply = ask(server, get(path))
        assert reply.startswith(b"HTTP/1.1 %d " % status) and b"hello\n" not in reply and b"secret" not in reply

    @pytest.mark.parametrize("path", ["/cgi-bin/x.py#/../../b", "/cgi-bin/hello.sh#/../../b", "/shown/hello.sh"])
    def test_c1_source_is_never_sent(self, serve: Any, site: Path, path: str) -> None:
        (site / "shown").symlink_to("cgi-bin")
        with running(serve()) as server:
            reply = ask(server, get(path))
        assert b"printf" not in reply and reply.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 "))

    def test_c1_folders_of_ones_own(self, serve: Any, site: Path) -> None:
        script(site, "sub/tools/x.sh", HELLO)
        script(site, "top.sh", HELLO)
        with running(serve(cgi_directories=["/sub/tools", "/"])) as server:
            assert ask(server, get("/sub/tools/x.sh")).endswith(b"\r\n\r\nhello")
            assert ask(server, get("/top.sh")).endswith(b"\r\n\r\nhello")
            assert ask(server, get("/sub/page.html")).endswith(b"a page")

    def test_c1_the_seams(self, serve: Any, site: Path) -> None:
        script(site, "a b/c.txt", HELLO)

        def is_cgi(self: Any) -> bool:
            self.cgi_info = "/a%20b", self.path[1:]
            return True

        with running(serve(is_cgi=is_cgi)) as server:
            assert ask(server, get("/c.txt?x=1")).endswith(b"\r\n\r\nhello")
        with running(serve(is_executable=lambda self, path: False)) as server:
            assert ask(server, get("/cgi-bin/hello.sh")).startswith(b"HTTP/1.1 403 ")
        settings = CGISettings(interpreters={".txt": ["/bin/cat"]})
        (site / "cgi-bin/notes.txt").write_text("Content-Type: text/plain\n\nnotes")
        with running(serve(cgi_settings=settings)) as server:
            assert ask(server, get("/cgi-bin/notes.txt")).endswith(b"\r\n\r\nnotes")


class TestC2:
    def test_c2_status_and_fields(self, serve: Any, site: Path) -> None:
        script(
            site, "cgi-bin/tea.sh", "printf 'Status: 418 Short and stout\\nX-A: b\\nContent-Type: text/plain\\n\\ntea'"
        )
        with running(serve()) as server:
            reply = ask(server, get("/cgi-bin/tea.sh"))
        assert reply.startswith(b"HTTP/1.1 418 Short and stout\r\n") and b"\r\nX-A: b\r\n" in reply

    def test_c2_locations(self, serve: Any, site: Path) -> None:
        for name, target in (("far", "https://example.org/"), ("page", "/sub/page.html"), ("run", "/cgi-bin/hello.sh")):
            script(site, f"cgi-bin/{name}.sh", f"printf 'Location: {target}\\n\\n'")
        with running(serve()) as server:
            reply = ask(server, get("/cgi-bin/far.sh"))
            assert reply.startswith(b"HTTP/1.1 302 ") and b"\r\nLocation: https://example.org/\r\n" in reply
            for method, body in (("GET", b""), ("POST", b"x=1")):
                assert ask(server, get("/cgi-bin/page.sh", method=method, body=body)).endswith(b"a page")
                assert ask(server, get("/cgi-bin/run.sh", method=method, body=body)).endswith(b"\r\n\r\nhello")
            assert ask(server, get("/cgi-bin/page.sh", method="HEAD")).endswith(b"\r\n\r\n")

    def test_c2_redirects_end(self, serve: Any, site: Path) -> None:
        script(site, "cgi-bin/round.sh", "printf 'Location: /cgi-bin/round.sh\\n\\n'")
        script(site, "cgi-bin/out.sh", "printf 'Location: /../x\\n\\n'")
        with running(serve()) as server:
            assert ask(server, get("/cgi-bin/round.sh")).startswith(b"HTTP/1.1 502 ")
            assert ask(server, get("/cgi-bin/out.sh")).startswith(b"HTTP/1.1 404 ")

    def test_c2_output_is_streamed(self, serve: Any, site: Path) -> None:
        gate = site / "gate"
        script(
            site,
            "cgi-bin/slow.sh",
            f"printf 'Content-Type: text/plain\\n\\none'; while [ ! -e {gate} ]; do sleep 0.02; done; printf two",
        )
        with running(serve()) as server, connect(server) as client:
            client.sendall(get("/cgi-bin/slow.sh"))
            receive(client, b"3\r\none\r\n")
            gate.touch()
            assert until_closed(client) == b"3\r\ntwo\r\n0\r\n\r\n"

    def test_c2_http_1_0_has_the_end_of_the_connection(self, serve: Any, site: Path) -> None:
        script(site, "cgi-bin/slow.sh", "printf 'Content-Type: text/plain\\n\\none'; sleep 0.1; printf two")
        with running(serve(protocol_version="HTTP/1.0")) as server:
            reply = ask(server, get("/cgi-bin/slow.sh", close=False))
        assert reply.startswith(b"HTTP/1.0 200 ") and reply.endswith(b"\r\n\r\nonetwo")

    def test_c2_a_large_body_both_ways(self, serve: Any) -> None:
        body = os.urandom(3_000_000)
        with running(serve()) as server:
            reply = ask(server, get("/cgi-bin/cat.sh", method="POST", body=body).replace(b"1.1", b"1.0", 1))
        assert reply.partition(b"\r\n\r\n")[2] == body

    def test_c2_standard_error_goes_to_the_log(self, serve: Any, site: Path, caplog: pytest.LogCaptureFixture) -> None:
        script(site, "cgi-bin/sad.sh", f"echo complaint >&2; {HELLO}")
        with running(serve()) as server:
            assert ask(server, get("/cgi-bin/sad.sh")).endswith(b"hello")
        assert "complaint" in caplog.text


class TestC3:
    def test_c3_the_environment_is_clean(self, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET", "of the server")
        with running(serve()) as server:
            found = variables(ask(server, get("/cgi-bin/env.sh", "Proxy: http://evil", "Authorization: Basic eDp5")))
        assert not {"SECRET", "HTTP_PROXY", "HTTP_AUTHORIZATION", "REMOTE_USER"} & set(found)

    @pytest.mark.parametrize(
        "text", ["exit 0", "echo hello", "printf 'Status: 999\\n\\n'", "printf 'Location: x\\ry\\n\\n'", "kill -9 $$"]
    )
    def test_c3_what_is_no_answer_is_502(self, serve: Any, site: Path, text: str) -> None:
        script(site, "cgi-bin/bad.sh", text)
        with running(serve()) as server:
            assert ask(server, get("/cgi-bin/bad.sh")).startswith(b"HTTP/1.1 502 ")

    def test_c3_what_hangs_is_504_and_ends(self, serve: Any, site: Path) -> None:
        script(site, "cgi-bin/hang.sh", "sleep 60")
        with running(serve(cgi_settings=CGISettings(timeout=0.3, grace=0.1))) as server:
            assert ask(server, get("/cgi-bin/hang.sh")).startswith(b"HTTP/1.1 504 ")
        assert eventually(lambda: not children())

    def test_c3_what_breaks_off_is_no_end(self, serve: Any, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
        script(site, "cgi-bin/half.sh", "printf 'Content-Type: text/plain\\n\\nhalf'; sleep 0.2; kill -9 $$")
        with running(serve(protocol_version="HTTP/1.0")) as server:
            lenient = server.RequestHandlerClass.dangerous_leniency
            if lenient:
                assert ask(server, get("/cgi-bin/half.sh")).endswith(b"half")
            else:
                with pytest.raises(ConnectionResetError):
                    ask(server, get("/cgi-bin/half.sh"))
        assert capsys.readouterr().err == ""

    def test_c3_a_client_that_leaves_takes_the_script_along(
        self, serve: Any, site: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        endless = "printf 'Content-Type: text/plain\\n\\n'; while printf '%65536d' 1; do sleep 0.01; done"
        script(site, "cgi-bin/endless.sh", endless)
        with running(serve(cgi_settings=CGISettings(grace=0.1))) as server:
            with connect(server) as client:
                client.sendall(get("/cgi-bin/endless.sh"))
                client.recv(1_000)
            assert eventually(lambda: not children())
        assert "Traceback" not in capsys.readouterr().err

    @pytest.mark.parametrize("framing", ["Content-Length: 100", "Transfer-Encoding: chunked"])
    def test_c3_a_body_that_breaks_off_reaches_nobody_as_whole(self, serve: Any, site: Path, framing: str) -> None:
        seen = site / "seen"
        script(site, "cgi-bin/keep.sh", f"cat > {seen} && touch {seen}.whole; {HELLO}")
        with running(serve()) as server, connect(server) as client:
            client.sendall(get("/cgi-bin/keep.sh", framing, method="POST") + b"5\r\nhello\r\n")
            client.shutdown(socket.SHUT_WR)
            reply = until_closed(client)
        assert b" 200 " not in reply or server.RequestHandlerClass.dangerous_leniency
        assert eventually(lambda: not children())

    def test_c3_a_body_over_the_limit(self, serve: Any) -> None:
        with running(serve(cgi_settings=CGISettings(max_body=1_000))) as server:
            reply = ask(server, get("/cgi-bin/cat.sh", method="POST", body=b"x" * 2_000))
            assert reply.startswith(b"HTTP/1.1 413 ")
            assert ask(server, get("/cgi-bin/hello.sh")).endswith(b"hello")


@pytest.mark.parametrize("way", ["fast", "blocking"])
def test_input_is_streamed(way: str, site: Path) -> None:
    first = site / "first"
    script(site, "cgi-bin/early.sh", f"head -c 5 > {first}; printf 'Content-Type: text/plain\\n\\n'; cat")

    class Site(Quiet):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(site), **kwargs)

    handler_class = Site if way == "fast" else type("Other", (Blocking, Site), {})
    with running(ThreadingHTTPServer(ANY, handler_class)) as server, connect(server) as client:
        client.sendall(get("/cgi-bin/early.sh", "Content-Length: 10", method="POST") + b"12345")
        time.sleep(0.1)
        client.sendall(b"67890")
        assert without_chunks(until_closed(client)).endswith(b"67890")
    assert first.read_bytes() == b"12345"


def test_a_slow_body_holds_nobody_up_where_one_thread_serves(site: Path) -> None:
    class Site(Quiet):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, directory=str(site), **kwargs)

    with running(HTTPServer(ANY, Site)) as server, connect(server) as slow:
        slow.sendall(get("/cgi-bin/cat.sh", "Content-Length: 10", method="POST") + b"12345")
        assert ask(server, get("/cgi-bin/hello.sh")).endswith(b"hello")
        slow.sendall(b"67890")
        assert without_chunks(until_closed(slow)).endswith(b"1234567890")


def test_the_standard_librarys_small_functions() -> None:
    assert _url_collapse_path("/a/b/../c/./d?e/../f") == "/a/c/d?e/../f"
    assert _url_collapse_path("/%61//b/..") == "/a/"
    with pytest.raises(IndexError):
        _url_collapse_path("/a/../..")
    assert nobody_uid() > 0

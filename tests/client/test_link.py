"""One connection over real sockets: uploads that are waited with or answered early, and bodies of all kinds."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from salver.client import BrokenResponse, Client, ConnectionLost, Retries, link
from tests.client.raw_server import Connection, RawServer, answering, silent
from tests.client.scripted import OK

LARGE = 3_000_000
REFUSED = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n"


def client_of(**settings: object) -> Client:
    return Client(trust_env=False, timeout=10, **settings)  # type: ignore[arg-type]


class TestContinue:
    """RFC 9110 §10.1.1."""

    def test_a_server_that_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def reads(connection: Connection, number: int) -> None:
            assert b"\r\nExpect: 100-continue\r\n" in connection.head()
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            assert connection.exactly(LARGE) == bytes(LARGE)
            connection.send(OK)

        with RawServer(reads) as server, client_of() as client:
            monkeypatch.setattr(link, "_CONTINUE_SECONDS", 9.0)
            begun = time.monotonic()
            assert client.put(server.url, content=bytes(LARGE)).text == "ok"
            assert time.monotonic() - begun < 8  # it did not wait in vain

    def test_one_that_refuses_is_sent_nothing(self) -> None:
        got: list[bytes] = []

        def refuses(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(REFUSED)
            got.append(connection.exactly(1))

        with RawServer(refuses) as server, client_of() as client:
            response = client.put(server.url, content=bytes(LARGE))
            assert (response.status, response.text) == (413, "no\n")
        assert got == [b""]

    def test_a_small_one_waits_where_the_caller_says_so(self) -> None:
        got: list[bytes] = []

        def refuses(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(REFUSED)
            got.append(connection.exactly(1))

        with RawServer(refuses) as server, client_of() as client:
            assert client.put(server.url, content=b"few", headers={"expect": "100-Continue"}).status == 413
        assert got == [b""]

    def test_one_that_has_never_heard_of_it(self) -> None:
        def reads(connection: Connection, number: int) -> None:
            connection.head()
            connection.exactly(LARGE)
            connection.send(OK)

        with RawServer(reads) as server, client_of() as client:
            assert client.put(server.url, content=bytes(LARGE)).text == "ok"

    def test_one_that_fails_the_expectation_is_sent_it_at_once(self) -> None:
        heads: list[bytes] = []

        def fails(connection: Connection, number: int) -> None:
            heads.append(connection.head())
            if b"\r\nExpect:" in heads[-1]:
                connection.send(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n")
            else:
                connection.exactly(LARGE)
                connection.send(OK)

        with RawServer(fails) as server, client_of() as client:
            assert client.post(server.url, content=iter([bytes(LARGE)]), headers={"Content-Length": str(LARGE)}).ok
        assert len(heads) == 2
        assert b"Expect" not in heads[1]

    def test_a_redirect_to_get_expects_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        heads: list[bytes] = []

        def moves(connection: Connection, number: int) -> None:
            while head := connection.head():
                heads.append(head)
                if head.startswith(b"POST"):
                    connection.send(b"HTTP/1.1 303 See Other\r\nLocation: /done\r\nContent-Length: 0\r\n\r\n")
                else:
                    connection.send(OK)

        with RawServer(moves) as server, client_of() as client:
            monkeypatch.setattr(link, "_CONTINUE_SECONDS", 9.0)
            begun = time.monotonic()
            assert client.post(server.url, content=bytes(LARGE)).text == "ok"
            assert time.monotonic() - begun < 8
        assert heads[1].startswith(b"GET /done")
        assert b"Expect" not in heads[1]

    def test_another_protocol_was_not_asked_for(self) -> None:
        def switches(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
            connection.exactly(LARGE)

        with RawServer(switches) as server, client_of() as client, pytest.raises(BrokenResponse, match="protocol"):
            client.put(server.url, content=bytes(LARGE))


class TestEarlyAnswers:
    """RFC 9112 §9.5: the rest need not be sent."""

    @pytest.mark.parametrize("first", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
    def test_in_the_middle_of_parts(self, first: bytes) -> None:
        sent: list[int] = []

        def parts() -> Iterator[bytes]:
            for count in range(1000):
                sent.append(count)
                time.sleep(0.01)
                yield bytes(1000)

        def refuses(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(first)
            connection.until(b"\0" * 1000)
            connection.send(REFUSED)
            connection.exactly(10_000_000)

        with RawServer(refuses) as server, client_of() as client:
            assert client.post(server.url, content=parts()).status == 413
        assert len(sent) < 500

    def test_and_the_end_of_the_connection(self) -> None:
        """As most servers do it: answered, and closed with megabytes unread, so that a reset follows."""

        def refuses(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(REFUSED)
            time.sleep(0.1)

        with RawServer(refuses) as server, client_of() as client:
            response = client.post(server.url, content=bytes(30_000_000), headers={"Expect": None})
            assert response.status == 413

    def test_one_that_has_begun_to_answer_is_sent_the_rest(self) -> None:
        """A server that gives back what it gets while it gets it, megabytes before the end."""

        def echoes(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (4 * LARGE))
            for _ in range(4):
                connection.send(connection.exactly(LARGE))
            connection.head()
            connection.send(OK)

        sent = bytes(range(200)) * (4 * LARGE // 200)
        with RawServer(echoes) as server, client_of() as client:
            assert client.post(server.url, content=sent, headers={"Expect": None}).content == sent
            assert client.get(server.url).text == "ok"
            assert server.accepted == 1

    def test_the_connection_carries_nothing_more(self) -> None:
        def refuses(connection: Connection, number: int) -> None:
            connection.head()
            if number == 1:
                connection.send(REFUSED)
                connection.exactly(1)
            else:
                connection.send(OK)

        with RawServer(refuses) as server, client_of() as client:
            assert client.put(server.url, content=bytes(LARGE)).status == 413
            assert client.get(server.url).text == "ok"
            assert server.accepted == 2

    def test_a_server_that_leaves_without_a_word(self) -> None:
        def leaves(connection: Connection, number: int) -> None:
            connection.head()
            connection.reset()

        with RawServer(leaves) as server, client_of() as client, pytest.raises(ConnectionLost, match="was lost"):
            client.post(server.url, content=bytes(30_000_000), headers={"Expect": None})
        assert server.accepted == 1


class TestContent:
    def test_a_file_at_a_redirect_and_at_a_retry(self, tmp_path: Path) -> None:
        bodies: list[bytes] = []

        def turns(connection: Connection, number: int) -> None:
            while head := connection.head():
                bodies.append(connection.exactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])))
                if head.startswith(b"PUT /first"):
                    connection.send(
                        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /second\r\nContent-Length: 0\r\n\r\n"
                    )
                elif len(bodies) == 2:
                    return  # lost before its answer
                else:
                    connection.send(OK)

        path = tmp_path / "file"
        path.write_bytes(b"headREST" * 10)
        with RawServer(turns) as server, client_of() as client, path.open("rb") as file:
            file.read(4)
            assert client.put(f"{server.url}/first", content=file).text == "ok"
        assert bodies == [(b"headREST" * 10)[4:]] * 3

    def test_an_iterable_that_is_chunked(self) -> None:
        got: list[bytes] = []

        def reads(connection: Connection, number: int) -> None:
            assert b"Transfer-Encoding: chunked" in connection.head()
            got.append(connection.until(b"0\r\n\r\n"))
            connection.send(OK)

        with RawServer(reads) as server, client_of() as client:
            client.post(server.url, content=[b"ab", b"", b"c"])
        assert got == [b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"]

    def test_an_iterable_that_fails(self) -> None:
        def breaks() -> Iterator[bytes]:
            yield b"begun"
            raise LookupError("the source is dry")

        with RawServer(silent) as server, client_of() as client:
            with pytest.raises(LookupError, match="dry"):
                client.post(server.url, content=breaks())
            assert client._connections._pool.open == 0

    @pytest.mark.parametrize("parts", [["text"], [1], [b"x", None]])
    def test_parts_that_are_no_bytes(self, parts: list[object]) -> None:
        with RawServer(silent) as server, client_of() as client, pytest.raises(TypeError, match="bytes"):
            client.post(server.url, content=parts)  # type: ignore[arg-type]

    def test_a_file_that_was_opened_as_text(self, tmp_path: Path) -> None:
        with RawServer(silent) as server, client_of() as client, pytest.raises(TypeError, match="rb"):
            client.post(server.url, content=io.StringIO("text"))  # type: ignore[arg-type]


class TestBodies:
    @pytest.mark.parametrize(
        ("answer", "text", "kept"),
        [
            (b"HTTP/1.0 200 OK\r\n\r\nto the end", "to the end", False),
            (b"HTTP/1.1 200 OK\r\n\r\nto the end", "to the end", False),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok", False),
            (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "ok", True),
            (b"HTTP/1.1 204 No Content\r\n\r\n", "", True),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", "", True),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nA: b\r\n\r\n", "ok", True),
            (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK, "ok", True),
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "ok", False),
        ],
    )
    def test_how_they_end(self, answer: bytes, text: str, kept: bool) -> None:
        with RawServer(answering(answer)) as server, client_of() as client:
            assert client.get(server.url).text == text
            assert client._connections._pool.idle == int(kept)

    def test_head_has_none(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nContent-Encoding: gzip\r\n\r\n"
        with RawServer(answering(answer, answer)) as server, client_of() as client:
            for _ in range(2):
                response = client.head(server.url)
                assert (response.content, response.headers["Content-Length"]) == (b"", "1000")
            assert server.accepted == 1

    def test_trailers(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nDigest: d\r\n\r\n"
        with RawServer(answering(answer)) as server, client_of() as client:
            response = client.get(server.url)
            assert list(response.trailers) == [("Digest", "d")]

    @pytest.mark.parametrize("method", ["GET", "PUT"])
    def test_one_that_breaks_off_is_asked_for_again(self, method: str) -> None:
        def breaks(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(OK[:-1] if number < 3 else OK)

        with RawServer(breaks) as server, client_of(retries=Retries(backoff=0.001)) as client:
            assert client.request(method, server.url).text == "ok"
            assert server.accepted == 3

    def test_one_that_answers_a_post_is_not(self) -> None:
        def breaks(connection: Connection, number: int) -> None:
            connection.head()
            connection.send(OK[:-1])

        with RawServer(breaks) as server, client_of() as client, pytest.raises(ConnectionLost, match="middle"):
            client.post(server.url)
        assert server.accepted == 1

    def test_a_terabyte_that_is_promised_takes_no_memory(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nbegin"
        with RawServer(answering(answer)) as server, client_of(retries=0) as client, pytest.raises(ConnectionLost):
            client.get(server.url)

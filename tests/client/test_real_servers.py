"""The client against the servers of the world: each in its own way of heads, bodies, keep-alive and TLS."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from salver.client import Client
from tests.client.real_servers import RECIPES, Recipe, Site, started

SMALL = b"Hello, World!"
LARGE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(100_000))  # 3.2 MB


class Live:
    """A server, and a client that knows its authority."""

    def __init__(self, recipe: Recipe, site: Site, client: Client) -> None:
        self.recipe = recipe
        self.authority = site.scratch / "ca.pem"
        self.client = client
        self.urls = [f"http://127.0.0.1:{site.port}"]
        if recipe.tls:
            self.urls.append(f"https://127.0.0.1:{site.tls_port}")


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.name)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    recipe: Recipe = request.param
    if recipe.missing():
        pytest.skip(recipe.missing())
    base = tmp_path_factory.getbasetemp()
    for folder in (base, *base.parents):
        if folder.name.startswith(("pytest-", "popen-")):  # its user's, each run's, and each process's of a run
            folder.chmod(0o755)
    scratch: Path = tmp_path_factory.mktemp("server")
    (scratch / "www").mkdir(mode=0o755)
    (scratch / "www" / "small.txt").write_bytes(SMALL)
    (scratch / "www" / "large.txt").write_bytes(LARGE)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(scratch / "ca.pem"))
    with (
        started(recipe, scratch, authority.issue_cert("127.0.0.1")) as site,
        Client(
            verify=scratch / "ca.pem", trust_env=False, timeout=20, headers={"Accept-Encoding": "identity"}
        ) as client,
    ):
        yield Live(recipe, site, client)


def test_get(live: Live) -> None:
    for url in live.urls:
        response = live.client.get(f"{url}/small.txt")
        assert (response.status, response.reason, response.content) == (200, "OK", SMALL)
        assert response.headers["content-type"].startswith("text/plain")
        assert live.client.get(f"{url}/large.txt").content == LARGE
        assert live.client.get(f"{url}/none.txt").status == 404


def test_head(live: Live) -> None:
    for url in live.urls:
        response = live.client.head(f"{url}/large.txt")
        assert (response.status, response.content) == (200, b"")
        assert response.headers["content-length"] == str(len(LARGE))
        assert live.client.get(f"{url}/small.txt").content == SMALL


def test_keep_alive(live: Live) -> None:
    """Requests of every kind go over one connection to each port."""
    with Client(verify=live.authority, trust_env=False, timeout=20) as client:
        for number, url in enumerate(live.urls, 1):
            for _ in range(5):
                client.get(f"{url}/small.txt")
                client.head(f"{url}/small.txt")
                client.get(f"{url}/large.txt")
                if live.recipe.keeps_errors:
                    client.get(f"{url}/none.txt")
                assert client._connections._pool.open == number


def test_ranges(live: Live) -> None:
    if not live.recipe.ranges:
        pytest.skip(f"{live.recipe.name} has no ranges")
    for url in live.urls:
        response = live.client.get(f"{url}/large.txt", headers={"Range": "bytes=100-199"})
        assert (response.status, response.content) == (206, LARGE[100:200])
        assert response.headers["content-range"] == f"bytes 100-199/{len(LARGE)}"


def test_streams(live: Live) -> None:
    for url in live.urls:
        with live.client.stream("GET", f"{url}/large.txt") as response:
            assert b"".join(response.iter_bytes(10_000)) == LARGE
        with live.client.stream("GET", f"{url}/large.txt") as response:
            assert next(response.iter_bytes(10_000)) == LARGE[:10_000]
        assert live.client.get(f"{url}/small.txt").content == SMALL


@pytest.mark.parametrize("size", [0, 10, 100_000, len(LARGE)])
@pytest.mark.parametrize("kind", ["bytes", "chunked", "file"])
def test_uploads(live: Live, kind: str, size: int, tmp_path: Path) -> None:
    sent = LARGE[:size]
    path = tmp_path / "file"
    path.write_bytes(sent)
    for number, url in enumerate(live.urls):
        with path.open("rb") as file:
            given: Any = {"bytes": sent, "file": file, "chunked": iter([sent[:7], sent[7:]])}[kind]
            if live.recipe.uploads == "echo":
                response = live.client.post(f"{url}/echo", content=given)
                assert (response.status, response.content) == (200, sent)
            else:
                name = f"{url}/up/{kind}-{size}-{number}"
                assert live.client.put(name, content=given).status == 201
                assert live.client.get(name).content == sent


def test_codings(live: Live) -> None:
    """Whichever the server chooses of those that are offered."""
    for url in live.urls:
        response = live.client.get(f"{url}/large.txt", headers={"Accept-Encoding": "gzip, br, zstd"})
        assert response.content == LARGE

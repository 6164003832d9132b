"""httpbin, served by Salver through WSGI: its whole surface is asked by the client over a socket."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator

import pytest

from salver.client import Client
from salver.gateway.wsgi import WSGI
from salver.service.server import Server


@pytest.fixture(scope="package")
def base() -> Iterator[str]:
    logging.disable(logging.WARNING)  # it says what it is imported without
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import httpbin  # type: ignore[import-untyped]
    finally:
        logging.disable(logging.NOTSET)
    server = Server(WSGI(httpbin.app), "127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop(2)


@pytest.fixture
def client(base: str) -> Iterator[Client]:
    with Client(base_url=base, trust_env=False) as made:
        yield made

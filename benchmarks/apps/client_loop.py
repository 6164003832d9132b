"""One HTTP client at work, in a process of its own: client_loop.py LIBRARY WHAT URL AMOUNT.

WHAT is "get": the URL AMOUNT times on one connection; or "download": once, counted and thrown away. Prints the CPU
seconds and the wall seconds of that, what was received, and the peak of resident memory in bytes. The client is
imported, connected and warm before the clock starts.
"""

from __future__ import annotations

import resource
import socket
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

Get = Callable[[], int]
_PART = 262_144
_WARM = 200


def _salver(url: str) -> Get:
    from salver.client import Client

    client = Client()
    return lambda: len(client.get(url).content)


def _salver_stream(url: str) -> Get:
    from salver.client import Client

    def download() -> int:
        with Client() as client, client.stream("GET", url) as response:
            return sum(len(part) for part in response.iter_bytes())

    return download


def _urllib3(url: str) -> Get:
    import urllib3

    pool = urllib3.PoolManager()
    return lambda: len(pool.request("GET", url).data)


def _urllib3_stream(url: str) -> Get:
    import urllib3

    def download() -> int:
        response = urllib3.PoolManager().request("GET", url, preload_content=False)
        return sum(len(part) for part in response.stream(_PART))

    return download


def _requests(url: str) -> Get:
    import requests

    session = requests.Session()
    return lambda: len(session.get(url).content)


def _requests_stream(url: str) -> Get:
    import requests

    def download() -> int:
        with requests.get(url, stream=True) as response:
            return sum(len(part) for part in response.iter_content(_PART))

    return download


def _httpx(url: str) -> Get:
    import httpx

    client = httpx.Client()
    return lambda: len(client.get(url).content)


def _httpx_stream(url: str) -> Get:
    import httpx

    def download() -> int:
        with httpx.Client() as client, client.stream("GET", url) as response:
            return sum(len(part) for part in response.iter_bytes())

    return download


def _pycurl(url: str) -> Get:
    """As pycurl's own guide has it: one handle that is kept, and a buffer for each response."""
    from io import BytesIO

    pycurl: Any = import_module("pycurl")  # C, and without types
    handle = pycurl.Curl()
    handle.setopt(handle.URL, url)

    def get() -> int:
        buffer = BytesIO()
        handle.setopt(handle.WRITEDATA, buffer)
        handle.perform()
        return len(buffer.getvalue())

    return get


def _pycurl_stream(url: str) -> Get:
    pycurl: Any = import_module("pycurl")

    def download() -> int:
        received = 0

        def count(part: bytes) -> None:
            nonlocal received
            received += len(part)

        handle = pycurl.Curl()
        handle.setopt(handle.URL, url)
        handle.setopt(handle.WRITEFUNCTION, count)
        handle.perform()
        return received

    return download


def _bare(url: str) -> Get:
    """A socket and nothing else: the least that any client in Python can take. The response comes in one piece."""
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: bare\r\n\r\n".encode()

    def get() -> int:
        sock.sendall(request)
        return len(sock.recv(65_536).partition(b"\r\n\r\n")[2])

    return get


GETS = {
    "salver": _salver,
    "urllib3": _urllib3,
    "requests": _requests,
    "httpx": _httpx,
    "pycurl": _pycurl,
    "bare socket": _bare,
}
DOWNLOADS = {
    "salver": _salver_stream,
    "urllib3": _urllib3_stream,
    "requests": _requests_stream,
    "httpx": _httpx_stream,
    "pycurl": _pycurl_stream,
}


def main(library: str, what: str, url: str, amount: int) -> None:
    """Measure, and print."""
    get = (GETS if what == "get" else DOWNLOADS)[library](url)
    if what == "get":
        for _ in range(_WARM):
            get()
    wall, cpu = time.perf_counter(), time.process_time()
    received = sum(get() for _ in range(amount))
    used, took = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"FIGURES cpu={used} wall={took} received={received} peak={peak}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))

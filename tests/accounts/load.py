"""Clients that go on asking through a load balancer, each on a connection that it keeps, while a test does something to
the servers behind it; what became of every request is noted."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.accounts.visitors import SECONDS

Wanted = tuple[str, str]  # method and path


class Outcome(NamedTuple):
    began: float  # monotonic
    ended: float
    method: str
    status: int  # 0: none came
    problem: str

    @property
    def failed(self) -> bool:
        return self.status != 200


class Load:
    """Runs from `with` to its end. Who reads is logged in, by `cookie`; who changes something is not."""

    def __init__(self, address: str, wanted: Sequence[Wanted], cookie: str, clients: int = 6) -> None:
        self.outcomes: list[Outcome] = []
        self._address = address
        self._wanted = wanted
        self._fields = {"Cookie": cookie}
        self._enough = threading.Event()
        self._clients = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Load:
        for client in self._clients:
            client.start()
        self.more(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for client in self._clients:
            client.join(2 * SECONDS)

    def more(self, count: int) -> None:
        """Wait until that many further requests have their answer."""
        goal, deadline = len(self.outcomes) + count, time.monotonic() + SECONDS
        while len(self.outcomes) < goal:
            assert time.monotonic() < deadline, "nothing is answered any more"
            time.sleep(0.01)

    @property
    def failures(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.failed]

    def _run(self, number: int) -> None:
        host, _, port = self._address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS)
        while not self._enough.is_set():
            method, path = self._wanted[number % len(self._wanted)]
            number += 1
            began, status, problem = time.monotonic(), 0, ""
            try:
                body, fields = (b"", {}) if method == "POST" else (None, self._fields)
                connection.request(method, path, body, fields)
                response = connection.getresponse()
                response.read()
                status = response.status
            except (OSError, http.client.HTTPException) as error:
                problem = repr(error)
                connection.close()
            self.outcomes.append(Outcome(began, time.monotonic(), method, status, problem))
            time.sleep(0.002)  # many connections are half idle, which is what a stop has to get right
        connection.close()

"""Accounts: what a session's check costs, whether a login's time says that a name exists, and who notices two hundred
logins at once."""

from __future__ import annotations

import http.client
import json
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

from benchmarks.measure import Cores, Load, MeasureError
from benchmarks.peers import APPS, Contender, Running, running, salver_run
from benchmarks.report import Finding, at_most
from benchmarks.rounds import Plan, sample

_ADA = {"username": "ada", "password": "difference engine"}
_SAMPLES = 200
_LOGINS = 200
_PROBE_EVERY = 0.002  # seconds
_SERVER = salver_run("salver_accounts:app")


def check(plan: Plan) -> list[Finding]:
    """The same view, for everybody and for those who are logged in, on one server: 64 connections, one session."""
    with running(_SERVER, plan.cores.server) as server:
        load = Load(plan.seconds, fields=(f"Cookie: {_session(server)}",))
        for path in ("/", "/mine"):
            sample(server, replace(load, seconds=1), plan.cores, path)
        costs = [[sample(server, load, plan.cores, path).cost for path in ("/", "/mine")] for _ in range(plan.rounds)]
    more = median(guarded - bare for bare, guarded in costs)
    bare = median(bare for bare, _ in costs)
    return [
        at_most("session check", "CPU over the bare handler, µs", more, 60, "{:.1f}"),
        Finding("session check", "bare handler", f"{bare:.1f} µs/request"),
    ]


def times(plan: Plan) -> list[Finding]:
    """Logins with a wrong password, of a name that exists and of one that does not, in turns."""
    with running(_SERVER, plan.cores.server) as server:
        _session(server)
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        took: dict[str, list[float]] = {"ada": [], "bob": []}
        for number in range(_SAMPLES + 10):
            # Which one goes first changes, so that nothing that happens by turns falls on the same one.
            for name in sorted(took, reverse=number % 2 == 0):
                seconds = _wrong_login(connection, name)
                if number >= 10:
                    took[name].append(seconds)
        connection.close()
    exists, unknown = median(took["ada"]), median(took["bob"])
    return [
        at_most("login times", "unknown name : wrong password, off 1", abs(unknown / exists - 1), 0.05, "{:.1%}"),
        Finding("login times", "wrong password", f"{exists * 1000:.2f} ms"),
        Finding("login times", "unknown name", f"{unknown * 1000:.2f} ms"),
    ]


def logins(plan: Plan) -> list[Finding]:
    """Two hundred logins sent in one moment, and meanwhile somebody who asks for another page every two milliseconds;
    server, logins and the asking one, a process each, share both cores."""
    rounds = [_logins_at_once(plan.cores) for _ in range(min(plan.rounds, 3))]
    case = f"{_LOGINS} logins at once"
    lost = sum(_LOGINS - len(answered) for answered, _, _ in rounds)
    p99 = median(_percentile(probes, 0.99) for _, probes, _ in rounds) * 1000
    alone = median(_percentile(probes, 0.99) for _, _, probes in rounds) * 1000
    last = median(max(answered, default=0.0) for answered, _, _ in rounds)
    return [
        at_most(case, "lost", lost, 0, "{:.0f}"),
        at_most(case, "p99 of other requests, ms", p99, 10),
        Finding(case, "p99 of other requests without logins", f"{alone:.2f} ms"),
        Finding(case, "the last one has its answer after", f"{last:.2f} s"),
    ]


def _logins_at_once(cores: Cores) -> tuple[list[float], list[float], list[float]]:
    """(seconds until each login that was let in, seconds of each other request meanwhile, and of as many before)."""
    with running(_on_both(_SERVER, cores), cores.server) as server:
        _session(server)
        quiet = _probes_for(server, 1.0)
        command = [sys.executable, str(APPS / "login_client.py"), str(server.port), str(_LOGINS)]
        client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if client.stdout is None or client.stdin is None or client.stdout.readline() != "ready\n":
                raise MeasureError("the logins' client did not start")
            client.stdin.write("go\n")
            client.stdin.flush()
            probes = _probes_until_ended(server, client)
            answers = json.loads(client.stdout.readline())
        finally:
            client.kill()
            client.communicate()
    return [took for status, took in answers if status == 200], probes, quiet


def _on_both(contender: Contender, cores: Cores) -> Contender:
    """The same on both cores: what is started on one may still choose."""
    both = {cores.server, cores.load}
    code = f"import os, sys; os.sched_setaffinity(0, {both}); os.execv(sys.argv[1], sys.argv[1:])"
    return replace(
        contender, command=lambda port, folder: [sys.executable, "-c", code, *contender.command(port, folder)]
    )


def _probes(server: Running, ended: Callable[[], bool]) -> list[float]:
    """Seconds of one request after the other on a connection that is kept."""
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    took = []
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        while not ended():
            began = time.perf_counter()
            connection.sendall(request)
            if not connection.recv(65_536).startswith(b"HTTP/1.1 200"):
                raise MeasureError("another request failed")
            took.append(time.perf_counter() - began)
            time.sleep(_PROBE_EVERY)
    return took


def _probes_for(server: Running, seconds: float) -> list[float]:
    ends = time.monotonic() + seconds
    return _probes(server, lambda: time.monotonic() > ends)


def _probes_until_ended(server: Running, client: subprocess.Popen[str]) -> list[float]:
    with selectors.DefaultSelector() as selector:
        assert client.stdout is not None
        selector.register(client.stdout, selectors.EVENT_READ)
        return _probes(server, lambda: bool(selector.select(0)))


def _session(server: Running) -> str:
    """Make the account where there is none, log in, and return the Cookie field."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for path in ("register", "login"):
        response = _post(connection, path, _ADA)
    cookie = response.getheader("Set-Cookie", "")
    connection.close()
    if not cookie:
        raise MeasureError("nobody was let in")
    return cookie.partition(";")[0]


def _post(connection: http.client.HTTPConnection, path: str, sent: dict[str, str]) -> http.client.HTTPResponse:
    connection.request("POST", f"/accounts/api/{path}", json.dumps(sent), {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    return response


def _wrong_login(connection: http.client.HTTPConnection, name: str) -> float:
    began = time.perf_counter()
    _post(connection, "login", {"username": name, "password": "not this one"})
    return time.perf_counter() - began


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]

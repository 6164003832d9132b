"""PostgreSQL, Redis, HAProxy and Salver as processes of a test's own: on Unix sockets and ports of theirs, in a folder
that goes with them, and ended by their ids however the test ends.

A server whose program is not installed skips the test and says which it is. As root PostgreSQL runs as another user,
since it refuses to be root.
"""

from __future__ import annotations

import contextlib
import glob
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "examples" / "cluster"
SALVER = (sys.executable, "-m", "salver")
SECONDS = 30.0  # that anything here may take to start or to end


def program(name: str, package: str) -> str:
    """The path of a program, or a skip that says what is missing."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: {package})")
    return found


def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


class Child:
    """One process that can be started, stopped and started again; what it says goes to a file."""

    def __init__(
        self, command: Sequence[str], log: Path, *, user: str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        setpriv = shutil.which("setpriv")  # should this process be killed, it does not stay behind
        self.command = [*([setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []), *command]
        self.log = log
        self.pass_fds: tuple[int, ...] = ()
        self._user = user
        self._env = {**os.environ, **(env or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                env=self._env,
                pass_fds=self.pass_fds,
                cwd=self.log.parent,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def send(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        assert self._process is not None
        return self._process.wait(SECONDS)

    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit status."""
        self.send(number)
        return self.wait()

    def end(self) -> None:
        """Whatever state it is in."""
        if not self.has_ended():
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait()
            if not self.has_ended():
                self.send(signal.SIGKILL)
                self.wait()


@contextlib.contextmanager
def folder(user: str | None = None) -> Iterator[Path]:
    """A folder with a short name, as Unix sockets need it, that `user` may enter."""
    path = Path(tempfile.mkdtemp(prefix="salver-"))
    try:
        if user is not None:
            shutil.chown(path, user)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class PostgreSQL(Child):
    """`url(name)` is the URL of a database of that name, made when it is first asked for."""

    def __init__(self, where: Path, user: str | None) -> None:
        settings = ("listen_addresses=", "fsync=off", "max_connections=60", f"unix_socket_directories={where}")
        options = [word for setting in settings for word in ("-c", setting)]
        data = str(where / "data")
        initdb = [
            program("initdb", "postgresql"),
            "-D",
            data,
            "-U",
            "salver",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
        ]
        subprocess.run([*initdb, "--no-sync"], user=user, cwd=where, check=True, capture_output=True, timeout=120)
        super().__init__([program("postgres", "postgresql"), "-D", data, *options], where / "log", user=user)
        self.where = where
        self._made = {"postgres"}

    def start(self) -> None:
        (self.where / "data" / "postmaster.pid").unlink(missing_ok=True)
        super().start()
        until(self._answers)

    def _answers(self) -> bool:
        import psycopg

        assert not self.has_ended(), self.said
        try:
            psycopg.connect(f"host={self.where} user=salver dbname=postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, name: str) -> str:
        if name not in self._made:
            import psycopg

            with psycopg.connect(f"host={self.where} user=salver dbname=postgres", autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())
            self._made.add(name)
        return f"postgresql://salver@/{name}?host={self.where}"


@contextlib.contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    pytest.importorskip("psycopg", reason='PostgreSQL needs the extra "postgresql"')
    program("initdb", "postgresql")
    user = None
    if os.geteuid() == 0:
        users = {each.pw_name for each in pwd.getpwall()}
        user = next((name for name in ("postgres", "nobody") if name in users), None)
    with folder(user) as where:
        server = PostgreSQL(where, user)
        try:
            server.start()
            yield server
        finally:
            server.end()


class Redis(Child):
    """On a Unix socket, keeping nothing."""

    def __init__(self, where: Path) -> None:
        self.socket = where / "redis"
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        super().__init__([program("redis-server", "redis-server"), *options, "--dir", str(where)], where / "log")
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        super().start()
        until(self._answers)

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(self.socket))
            client.sendall(b"PING\r\n")
            return client.recv(16) == b"+PONG\r\n"
        assert not self.has_ended(), self.said
        return False


@contextlib.contextmanager
def redis() -> Iterator[Redis]:
    pytest.importorskip("redis", reason='Redis needs the extra "redis"')
    with folder() as where:
        server = Redis(where)
        try:
            server.start()
            yield server
        finally:
            server.end()


class Salver(Child):
    """The app of the example, or another one, on an address of the loopback network that nobody else has."""

    def __init__(self, where: Path, name: str, env: Mapping[str, str], *options: str, app: str = "app:app") -> None:
        self.host = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(2, 254)}"
        self.port = 8000
        command = [*SALVER, "run", app, "-b", f"{self.host}:{self.port}", *options]
        path = os.pathsep.join(map(str, (ROOT / "src", CLUSTER, ROOT)))
        super().__init__(command, where / name, env={"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **env})

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        before = self.log.stat().st_size if self.log.exists() else 0
        super().start()
        until(lambda: self.has_ended() or "Stop it with" in self.said[before:])
        assert not self.has_ended(), self.said


@contextlib.contextmanager
def salvers(
    count: int, database: str, tries: str = "", *options: str, app: str = "app:app", **more: str
) -> Iterator[list[Salver]]:
    """That many processes, which have nothing in common but the database, and `tries` where it is given; `more` is in
    their environment."""
    env = {"SALVER_DATABASE": database, "SALVER_TRIES": tries, **more}
    with folder() as where:
        servers = [Salver(where, f"salver-{number}", env, *options, app=app) for number in range(count)]
        try:
            for server in servers:
                server.start()
            yield servers
        finally:
            for server in servers:
                server.end()
        for server in servers:
            assert "Traceback" not in server.said, server.said


class HAProxy(Child):
    """With the example's configuration, in front of two servers, on a port that the system gives."""

    def __init__(self, where: Path, one: str, two: str) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        front = f"fd@{self.listener.fileno()}"
        env = {"SALVER_FRONT": front, "SALVER_ONE": one, "SALVER_TWO": two}
        command = [program("haproxy", "haproxy"), "-db", "-f", str(CLUSTER / "haproxy.cfg")]
        super().__init__(command, where / "log", env=env)
        self.pass_fds = (self.listener.fileno(),)
        self.address = f"127.0.0.1:{self.port}"

    def start(self) -> None:
        super().start()
        until(self._answers)

    def _answers(self) -> bool:
        assert not self.has_ended(), self.said
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
            client.settimeout(1)
            client.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            return b" 200 " in client.recv(64)
        return False


@contextlib.contextmanager
def haproxy(one: str, two: str) -> Iterator[HAProxy]:
    program("haproxy", "haproxy")
    with folder() as where:
        server = HAProxy(where, one, two)
        try:
            server.start()
            yield server
        finally:
            server.end()
            server.listener.close()

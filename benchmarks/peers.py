"""The contenders: how each is started, with which configuration, and when it is ready.

A `Contender` is a name and a function from (port, scratch folder) to a command. Defaults are left as they are wherever
that is what a user of the server would have; what is changed says why. Knows no measurement.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import MeasureError, on_core

HERE = Path(__file__).parent
APPS = HERE / "apps"
PEER_PYTHON = HERE / ".venv" / "bin" / "python"
_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"

Command = Callable[[int, Path], list[str]]


@dataclass(frozen=True, slots=True)
class Keys:
    """A certificate and its key, in PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that can be started. `missing()` says what it lacks here, or nothing."""

    name: str
    command: Command
    needs: str = ""  # a program, or a module of the peers' environment after a colon
    scheme: str = "http"

    def missing(self) -> str:
        """What is not installed, "" where everything is."""
        program, _, module = self.needs.partition(":")
        if program and shutil.which(program, path=_PATH) is None:
            return f"{program} is not installed"
        if (
            module
            and subprocess.run([PEER_PYTHON, "-c", f"import {module}"], capture_output=True, check=False).returncode
        ):
            return f"{module} is not in the peers' environment"
        return ""


@dataclass(slots=True)
class Running:
    """A contender at work. Owned by `running`, which ends it."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    started: float  # seconds of time.monotonic, just before exec
    log: Path
    scheme: str = "http"

    def url(self, path: str = "/") -> str:
        """The address of `path` on it."""
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"


@contextmanager
def launched(contender: Contender, core: int) -> Iterator[Running]:
    """Start it on `core` on a free port, and end it afterwards. It may not accept connections yet."""
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="salver-bench-")))
        scratch.chmod(0o755)  # nginx's worker is another user
        log = stack.enter_context((scratch / "log").open("wb"))
        server = _start(contender, core, scratch, log.fileno())
        stack.callback(_end, server.process)
        yield server


@contextmanager
def running(contender: Contender, core: int) -> Iterator[Running]:
    """As `launched`, once it accepts connections. Raises `MeasureError` where it ends instead, with what it said."""
    with launched(contender, core) as server:
        _wait_until_ready(server)
        yield server


def _start(contender: Contender, core: int, scratch: Path, log: int) -> Running:
    port = free_port()
    command = contender.command(port, scratch)
    environment = {**os.environ, "PATH": _PATH, "PYTHONPATH": str(APPS)}
    with on_core(core):
        started = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=scratch
        )
    return Running(contender.name, process, port, started, scratch / "log", contender.scheme)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_ready(server: Running, patience: float = 20.0) -> None:
    while time.monotonic() < server.started + patience:
        if server.process.poll() is not None:
            said = server.log.read_text(errors="replace")[-600:]
            raise MeasureError(f"{server.name} ended with {server.process.returncode}: {said}")
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise MeasureError(f"{server.name} does not accept connections")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def make_keys(folder: Path) -> Keys:
    """An ECDSA key on P-256 and its certificate. Raises `MeasureError` where there is no `openssl` to make them."""
    keys = Keys(folder / "cert.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-days", "30", "-keyout", str(keys.key), "-out", str(keys.cert)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise MeasureError(f"no certificate could be made: {error}") from error
    return keys


def _scheme(keys: Keys | None) -> str:
    return "http" if keys is None else "https"


# ------------------------------------------------------------------------------------------------------------ Salver


def _salver_hello(port: int, scratch: Path) -> list[str]:
    return [sys.executable, str(APPS / "salver_hello.py"), str(port)]


def salver_folder(folder: Path, keys: Keys | None = None) -> Contender:
    """`python -m salver FOLDER`, without an access log as the others have none; with `keys`, over HTTPS."""
    arguments = [sys.executable, "-m", "salver", str(folder), "--no-access-log"]
    if keys is not None:
        arguments += ["--tls-cert", str(keys.cert), "--tls-key", str(keys.key)]
    return Contender("salver", lambda port, _: [*arguments, "-p", str(port)], scheme=_scheme(keys))


def salver_run(target: str) -> Contender:
    """`salver run TARGET`, a module of `benchmarks/apps`, without an access log as the others have none."""
    arguments = [sys.executable, "-m", "salver", "run", target, "--no-access-log"]
    return Contender("salver", lambda port, _: [*arguments, "-p", str(port)])


def salver_https(keys: Keys) -> Contender:
    """`SALVER`, over HTTPS."""
    arguments = [sys.executable, str(APPS / "salver_hello.py")]
    return Contender("salver", lambda port, _: [*arguments, str(port), str(keys.cert), str(keys.key)], scheme="https")


# ------------------------------------------------------------------------------------------------------------- peers

# One worker, and limits out of the way: a connection that is closed after 1,000 requests, nginx's default, would cost
# it a little. `sendfile`, `tcp_nopush` and `open_file_cache` are what its own documents advise for files.
_NGINX = """
worker_processes 1;
worker_rlimit_nofile 20000;
daemon off;
pid {scratch}/pid;
error_log stderr crit;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=1000 inactive=60s;
    keepalive_requests 1000000000;
    keepalive_timeout 300s;
    client_body_temp_path {scratch}/body;
    proxy_temp_path {scratch}/proxy;
    fastcgi_temp_path {scratch}/fastcgi;
    uwsgi_temp_path {scratch}/uwsgi;
    scgi_temp_path {scratch}/scgi;
    server {{
        listen 127.0.0.1:{port} {tls}backlog=2048;
        {keys}
        {location}
    }}
}}
"""


# The same protocols as Salver's; everything else is its default.
_NGINX_KEYS = "ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;"


def _nginx(location: str, keys: Keys | None = None) -> Contender:
    said = "" if keys is None else _NGINX_KEYS.format(cert=keys.cert, key=keys.key)
    tls = "ssl " if said else ""

    def command(port: int, scratch: Path) -> list[str]:
        configuration = scratch / "nginx.conf"
        configuration.write_text(_NGINX.format(scratch=scratch, port=port, location=location, tls=tls, keys=said))
        return ["nginx", "-p", str(scratch), "-c", str(configuration), "-e", "stderr"]

    return Contender("nginx", command, "nginx", _scheme(keys))


def nginx_folder(folder: Path, keys: Keys | None = None) -> Contender:
    """nginx on a folder, listings on; with `keys`, over HTTPS."""
    return _nginx(f"root {folder}; location / {{ autoindex on; }}", keys)


def nginx_https(keys: Keys) -> Contender:
    """`NGINX`, over HTTPS."""
    return _nginx(_NGINX_HELLO, keys)


def peer(name: str, module: str, *arguments: str) -> Contender:
    """A Python peer; `{port}` in an argument is the port."""

    def command(port: int, scratch: Path) -> list[str]:
        return [str(PEER_PYTHON), *(argument.replace("{port}", str(port)) for argument in arguments)]

    return Contender(name, command, f":{module}")


SALVER = Contender("salver", _salver_hello)
_NGINX_HELLO = 'location / { default_type text/plain; return 200 "Hello, World!"; }'
NGINX = _nginx(_NGINX_HELLO)
GRANIAN = peer(
    "granian", "granian", "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "{port}",
    "--log-level", "warning", "peer_apps:wsgi",
)  # fmt: skip
UVICORN = peer(
    "uvicorn", "uvloop", "-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning",
    "--no-access-log", "--timeout-keep-alive", "300", "peer_apps:asgi",
)  # fmt: skip
GUNICORN = peer(
    "gunicorn", "gunicorn", "-m", "gunicorn", "-b", "127.0.0.1:{port}", "-k", "gthread", "--threads", "64",
    "--log-level", "error", "peer_apps:wsgi",
)  # fmt: skip
WAITRESS = peer(
    "waitress", "waitress", "-m", "waitress", "--listen", "127.0.0.1:{port}", "peer_apps:wsgi",
)  # fmt: skip
BJOERN = peer("bjoern", "bjoern", str(APPS / "bjoern_hello.py"), "{port}")
OTHERS = (GUNICORN, WAITRESS, BJOERN)

"""The servers of the world, each started as its users would, on free ports: one for http, one for https.

A `Recipe` writes a configuration into a scratch folder and gives the command. Every server serves the folder `www`
and takes uploads: those with WebDAV by PUT, the others by a program that gives back what it was sent. This file asks
them nothing.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

_PATH = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


@dataclass(frozen=True)
class Site:
    """What a server is started with."""

    scratch: Path
    port: int
    tls_port: int

    @property
    def www(self) -> Path:
        return self.scratch / "www"

    def fill(self, template: str) -> str:
        """A configuration with this site's paths and ports; `@name@` stands for them, since braces are syntax."""
        values: dict[str, Any] = {
            "scratch": self.scratch,
            "www": self.www,
            "port": self.port,
            "tls_port": self.tls_port,
            "cert": self.scratch / "cert.pem",
            "key": self.scratch / "key.pem",
            "python": sys.executable,
        }
        for name, value in values.items():
            template = template.replace(f"@{name}@", str(value))
        return template

    def write(self, name: str, template: str, mode: int = 0o644) -> str:
        path = self.scratch / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.fill(template))
        path.chmod(mode)
        return str(path)


@dataclass(frozen=True)
class Recipe:
    """`program`: what has to be installed. `uploads`: "put" or "echo". `tls`, `ranges`: it does that as it comes.
    `keeps_errors`: a 404 does not end its connection."""

    name: str
    program: str
    commands: Callable[[Site], list[list[str]]]
    uploads: str
    tls: bool = True
    ranges: bool = True
    keeps_errors: bool = True

    def missing(self) -> str:
        """Why it cannot be started here, "" where it can."""
        return "" if shutil.which(self.program, path=_PATH) else f"{self.program} is not installed"


_NGINX = """
daemon off; pid @scratch@/nginx.pid; error_log stderr warn; worker_processes 1;
events { worker_connections 100; }
http {
  access_log off; types { text/plain txt; } client_max_body_size 100m;
  client_body_temp_path @scratch@/b; proxy_temp_path @scratch@/p; fastcgi_temp_path @scratch@/f;
  uwsgi_temp_path @scratch@/u; scgi_temp_path @scratch@/s;
  server {
    listen 127.0.0.1:@port@; listen 127.0.0.1:@tls_port@ ssl;
    ssl_certificate @cert@; ssl_certificate_key @key@; root @www@;
    location /up/ { dav_methods PUT; root @scratch@; }
  }
}
"""
_APACHE = """
ServerRoot @scratch@
ServerName 127.0.0.1
PidFile @scratch@/apache.pid
ErrorLog @scratch@/apache.log
Listen 127.0.0.1:@port@
Listen 127.0.0.1:@tls_port@
LoadModule mpm_event_module @modules@/mod_mpm_event.so
LoadModule authz_core_module @modules@/mod_authz_core.so
LoadModule mime_module @modules@/mod_mime.so
LoadModule ssl_module @modules@/mod_ssl.so
LoadModule alias_module @modules@/mod_alias.so
LoadModule dav_module @modules@/mod_dav.so
LoadModule dav_fs_module @modules@/mod_dav_fs.so
TypesConfig /dev/null
AddType text/plain txt
DocumentRoot @www@
DavLockDB @scratch@/locks
Mutex default:@scratch@
Alias /up/ @scratch@/up/
<Directory @scratch@/up>
  Dav On
</Directory>
<VirtualHost 127.0.0.1:@tls_port@>
  SSLEngine on
  SSLCertificateFile @cert@
  SSLCertificateKeyFile @key@
</VirtualHost>
"""
_LIGHTTPD = """
server.document-root = "@www@"
server.bind = "127.0.0.1"
server.port = @port@
server.modules = ("mod_cgi", "mod_alias")
server.upload-dirs = ("@scratch@")
mimetype.assign = (".txt" => "text/plain")
alias.url = ("/echo" => "@scratch@/cgi/echo")
$HTTP["url"] =~ "^/echo" { cgi.assign = ("" => "@python@") }
"""
_CADDY = """
{
  admin off
  auto_https off
  storage file_system @scratch@/caddy
}
(site) {
  handle /echo {
    respond "{http.request.body}"
  }
  handle {
    root * @www@
    file_server
  }
}
http://127.0.0.1:@port@ {
  import site
}
https://127.0.0.1:@tls_port@ {
  tls @cert@ @key@
  import site
}
"""
_ECHO_CGI = """
import os, sys
body = sys.stdin.buffer.read(int(os.environ.get("CONTENT_LENGTH") or 0))
sys.stdout.buffer.write(b"Content-Type: application/octet-stream\\r\\n\\r\\n" + body)
"""
_NODE = """
const fs = require("fs"), http = require("http"), https = require("https"), path = require("path");
function answer(request, response) {
  if (request.url === "/echo") { request.pipe(response); return; }
  const file = path.join("@www@", path.normalize(request.url));
  if (!fs.existsSync(file)) { response.writeHead(404); response.end("none\\n"); return; }
  const size = fs.statSync(file).size;
  const head = { "Content-Type": "text/plain", "Accept-Ranges": "bytes" };
  const range = /^bytes=(\\d+)-(\\d+)$/.exec(request.headers.range || "");
  if (range) {
    const [first, last] = [Number(range[1]), Number(range[2])];
    response.writeHead(206, { ...head, "Content-Range": `bytes ${first}-${last}/${size}` });
    fs.createReadStream(file, { start: first, end: last }).pipe(response);
    return;
  }
  response.writeHead(200, { ...head, "Content-Length": size });
  if (request.method === "HEAD") response.end(); else fs.createReadStream(file).pipe(response);
}
http.createServer(answer).listen(@port@, "127.0.0.1");
const keys = { key: fs.readFileSync("@key@"), cert: fs.readFileSync("@cert@") };
https.createServer(keys, answer).listen(@tls_port@, "127.0.0.1");
"""
_HTTP_SERVER = """
import functools, http.server, ssl, threading

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

make = functools.partial(Handler, directory="@www@")
plain = http.server.ThreadingHTTPServer(("127.0.0.1", @port@), make)
secure = http.server.ThreadingHTTPServer(("127.0.0.1", @tls_port@), make)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("@cert@", "@key@")
secure.socket = context.wrap_socket(secure.socket, server_side=True)
threading.Thread(target=secure.serve_forever, daemon=True).start()
plain.serve_forever()
"""
_SALVER = """
from salver import App, Response

app = App()

@app.post("/echo")
def echo(request):
    return Response(request.body, content_type="application/octet-stream")

app.mount("/", "@www@")
"""


def _nginx(site: Site) -> list[list[str]]:
    return [["nginx", "-c", site.write("nginx.conf", _NGINX), "-p", str(site.scratch), "-e", "stderr"]]


def _apache(site: Site) -> list[list[str]]:
    modules = next(
        (path for path in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules") if Path(path).exists()), ""
    )
    configuration = _APACHE.replace("@modules@", modules)
    return [["apache2", "-f", site.write("apache.conf", configuration), "-DFOREGROUND"]]


def _lighttpd(site: Site) -> list[list[str]]:
    site.write("cgi/echo", _ECHO_CGI, 0o755)
    return [["lighttpd", "-D", "-f", site.write("lighttpd.conf", _LIGHTTPD)]]


def _caddy(site: Site) -> list[list[str]]:
    return [["caddy", "run", "--adapter", "caddyfile", "--config", site.write("Caddyfile", _CADDY)]]


def _node(site: Site) -> list[list[str]]:
    return [["node", site.write("server.js", _NODE)]]


def _http_server(site: Site) -> list[list[str]]:
    return [[sys.executable, site.write("server.py", _HTTP_SERVER)]]


def _salver(site: Site) -> list[list[str]]:
    site.write("site_app.py", _SALVER)
    command = [sys.executable, "-m", "salver", "run", "site_app:app", "--no-access-log"]
    keys = ["--tls-cert", str(site.scratch / "cert.pem"), "--tls-key", str(site.scratch / "key.pem")]
    return [[*command, "-p", str(site.port)], [*command, "-p", str(site.tls_port), *keys]]


RECIPES = [
    Recipe("nginx", "nginx", _nginx, "put"),
    Recipe("Apache", "apache2", _apache, "put"),
    Recipe("Caddy", "caddy", _caddy, "echo"),
    Recipe("lighttpd", "lighttpd", _lighttpd, "echo", tls=False),
    Recipe("Node", "node", _node, "echo"),
    Recipe("http.server", sys.executable, _http_server, "echo", ranges=False, keeps_errors=False),
    Recipe("Salver", sys.executable, _salver, "echo"),
]


@contextmanager
def started(recipe: Recipe, scratch: Path, certificate: trustme.LeafCert) -> Iterator[Site]:
    """The server, once it accepts connections; ended afterwards. Raises RuntimeError with what it said instead."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        site = Site(scratch, one.getsockname()[1], two.getsockname()[1])
    scratch.chmod(0o755)  # workers of nginx and Apache are other users
    (scratch / "up").mkdir()
    (scratch / "up").chmod(0o777)
    certificate.private_key_pem.write_to_path(str(scratch / "key.pem"))
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(str(scratch / "cert.pem"), append=True)
    log = scratch / "log"
    environment = {**os.environ, "PATH": _PATH, "HOME": str(scratch)}
    processes = []
    with log.open("wb") as output:
        try:
            for command in recipe.commands(site):
                process = subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=scratch, env=environment
                )
                processes.append(process)
            for port in (site.port, site.tls_port) if recipe.tls else (site.port,):
                _wait(port, processes, log)
            yield site
        finally:
            for process in processes:
                _end(process)


def _wait(port: int, processes: list[subprocess.Popen[bytes]], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if any(process.poll() is not None for process in processes):
            raise RuntimeError(f"it has ended: {log.read_text(errors='replace')[-1000:]}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"it does not accept connections: {log.read_text(errors='replace')[-1000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

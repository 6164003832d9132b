"""`CGIHTTPRequestHandler`: scripts beside files, as `http.server` had it until Python 3.15, run by `salver.gateway`.

The seams are the standard library's: `is_cgi` decides by `cgi_directories` and sets `cgi_info`, `run_cgi` finds the
script below it and answers, `is_executable` and `is_python` say how it is run. What is behind them is not: a script
gets an environment built from nothing, has its limits (`cgi_settings`), is streamed both ways, and may say `Status` and
`Location`; `docs/cgi.md` has it all.

A path is decoded and collapsed once, and every decision is taken on what comes of that; whatever way leads to a file
below a folder of scripts, its source is not sent. Works on both ways of the tower, `handle` and `wfile` being all that
it needs.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, unquote

from salver.classes.cgi_request import request_of
from salver.classes.simple import SimpleHTTPRequestHandler
from salver.handler import HandlerOptions, with_options
from salver.request import Request, RequestBodyError
from salver.response import Response

if TYPE_CHECKING:
    from salver.gateway.cgi_lookup import Script
    from salver.gateway.cgi_runner import Runner
    from salver.gateway.cgi_settings import CGISettings

logger = logging.getLogger("salver.cgi")

_MOST_REDIRECTS = 10
_MOST_BODY = 1024**3  # bytes, as of CGISettings
_NEVER_IN_INFO = re.compile(r"[\x00-\x1f\x7f\\]")  # as in gateway/cgi_lookup.py
# What scripts of http.server have always found, if only as "".
_ALWAYS = {"cookie": "HTTP_COOKIE", "referer": "HTTP_REFERER", "user-agent": "HTTP_USER_AGENT"}


class CGIHTTPRequestHandler(SimpleHTTPRequestHandler):
    """`http.server.CGIHTTPRequestHandler`: GET and HEAD for files, and GET, HEAD and POST for scripts."""

    have_fork = hasattr(os, "fork")

    #: Paths of the folders of scripts, decoded, without a slash at their end.
    cgi_directories: ClassVar[list[str]] = ["/cgi-bin", "/htbin"]
    #: How scripts are run, and their limits: a `salver.gateway.CGISettings`; None for its defaults. Looked at once.
    cgi_settings: ClassVar[CGISettings | None] = None
    salver_options = HandlerOptions(stream_body=True, max_body=_MOST_BODY)

    cgi_info: tuple[str, str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.dangerous_leniency and (3, 13) <= sys.version_info < (3, 15):  # as the interpreter's own does
            gone = "http.server.CGIHTTPRequestHandler is gone from Python 3.15; the one of salver.server stays"
            warnings.warn(gone, DeprecationWarning, stacklevel=2)
        super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        settings = cls.__dict__.get("cgi_settings")
        if settings is not None:
            cls.salver_options = with_options(cls.salver_options, max_body=settings.max_body)

    def do_POST(self) -> None:
        """Serve POST for a script."""
        leads = self._leads_to_script()
        if leads is False:
            self.send_error(501, "Can only POST to CGI scripts")
        file = self.run_cgi() if leads else None
        if file:
            try:
                self.copyfile(file, self.wfile)
            finally:
                file.close()

    def send_head(self) -> Any:
        """The response of a script, and None; or, for a file, what `SimpleHTTPRequestHandler` does."""
        leads = self._leads_to_script()
        if leads is None:
            return None
        return self.run_cgi() if leads else self._send_file_head()

    def _leads_to_script(self) -> bool | None:
        """`is_cgi`; None where the path has been refused, with an answer."""
        try:
            return bool(self.is_cgi())
        except Exception as error:  # whatever it is, says the standard library, the path is no good
            logger.debug("%s: %r", self.path, error)
            self.send_error(404, "File not found")
            return None

    def _send_file_head(self) -> Any:
        if self._is_source(self.translate_path(self.path)):
            self.send_error(404, "File not found")
            return None
        return super().send_head()

    def _is_source(self, path: str) -> bool:
        """Whether a file lies below a folder of scripts, by whatever name it was asked for."""
        names = [name for name in self.cgi_directories if name.strip("/")]
        folders = list(_there(self.translate_path(quote(name)) for name in names))
        return any(os.path.samestat(above, folder) for above in _there(_folders_above(path)) for folder in folders)

    # The seams of the standard library

    def is_cgi(self) -> bool:
        """Whether the path, decoded and collapsed, leads below one of `cgi_directories`; `cgi_info` is then that folder
        and the rest, query included. Whatever this raises means a path that is no good."""
        path = _url_collapse_path(self.path)
        end = path.find("/", 1)
        while end > 0 and path[:end] not in self.cgi_directories:
            end = path.find("/", end + 1)
        if end > 0:
            self.cgi_info = path[:end], path[end + 1 :]
        return end > 0

    def is_executable(self, path: str) -> bool:
        """Whether the file may be executed."""
        return executable(path)

    def is_python(self, path: str) -> bool:
        """Whether the file is a Python script, by its name."""
        return path.lower().endswith((".py", ".pyw"))

    def run_cgi(self) -> Any:
        """Answer with the script that `cgi_info` names, or say why not. Returns None; or an open file to be copied,
        where the script has redirected to one (RFC 3875 §6.2.2)."""
        from salver.gateway.cgi_runner import Redirected

        request = request_of(self)
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                answer = self._run_script(request)
            except RequestBodyError as error:
                self.close_connection = True
                self.send_error(error.status, None, str(error))
                return None
            if not isinstance(answer, str):
                if answer is not None:
                    self._pass_on(answer)
                return None
            request = Redirected(request, answer)
            self.path, self.command = answer, "GET"
            leads = self._leads_to_script()
            if not leads:
                return None if leads is None else self._send_file_head()
        logger.warning("%s: its script redirects without end", self.requestline)
        self.send_error(502, None, "The script did not answer as it should.")
        return None

    # Finding the script

    def _run_script(self, request: Request) -> Response | str | None:
        script = self._find_script()
        return None if script is None else runner_of(type(self)).run(request, script)  # type: ignore[arg-type]  # a class is hashable

    def _find_script(self) -> Script | None:
        """The script that `cgi_info` names; None where there is none, and that has been said."""
        from salver.gateway.cgi_lookup import Script

        folder, name, info = self._split_path()
        shown = f"{folder.rstrip('/')}/{name}"
        path = self._translated(shown)
        refused = name.startswith(".") or "\0" in path or _NEVER_IN_INFO.search(info)
        if refused or not os.path.exists(path) or not (self.follow_symlinks or self._is_inside(path)):
            self.send_error(404, f"No such CGI script ({shown!r})")
        elif not os.path.isfile(path):
            self.send_error(403, f"CGI script is not a plain file ({shown!r})")
        elif (command := self._command_of(path)) is None:
            self.send_error(403, f"CGI script is not executable ({shown!r})")
        else:
            return Script(os.path.abspath(path), command, shown, info, self._cgi_variables(info))
        return None

    def _split_path(self) -> tuple[str, str, str]:
        """The script's folder, its name, and PATH_INFO: folders that are there are gone through."""
        folder, rest = self.cgi_info
        if "?" in self.path:
            rest = rest.removesuffix("?" + self.path.partition("?")[2])
        while "/" in rest:
            first, _, behind = rest.partition("/")
            if not os.path.isdir(self._translated(f"{folder}/{first}")):
                return folder, first, "/" + behind
            folder, rest = f"{folder}/{first}", behind
        return folder, rest, ""

    def _translated(self, path: str) -> str:
        """`translate_path`, which decodes; of a path that `is_cgi` has decoded already."""
        ours = type(self).is_cgi is CGIHTTPRequestHandler.is_cgi
        return self.translate_path(quote(path) if ours else path)

    def _command_of(self, path: str) -> tuple[str, ...] | None:
        from salver.gateway.cgi_lookup import python_command

        path = os.path.abspath(path)
        settings = self.cgi_settings
        chosen = None if settings is None else settings.interpreters.get(os.path.splitext(path)[1])
        if chosen is not None:
            return (*chosen, path)
        if self.is_executable(path):
            return (path,)
        return python_command(path) if self.is_python(path) else None

    def _cgi_variables(self, info: str) -> dict[str, str]:
        """What scripts of http.server find beside RFC 3875's own."""
        headers, root = self.headers, os.path.abspath(self.directory)
        found = {variable: "" for field, variable in _ALWAYS.items() if field not in headers}
        if "content-length" not in headers and "transfer-encoding" not in headers:
            found["CONTENT_LENGTH"] = ""
        if "content-type" not in headers:
            found["CONTENT_TYPE"] = "text/plain"
        found["HTTP_ACCEPT"] = _octets(",".join(str(value) for value in headers.get_all("accept", ())))
        found["SERVER_SOFTWARE"] = self.version_string()
        found["DOCUMENT_ROOT"] = root
        if info:
            found["PATH_TRANSLATED"] = self._translated(info)
        if "host" not in headers:
            found["SERVER_NAME"] = str(getattr(self.server, "server_name", "") or "localhost")
            found["SERVER_PORT"] = str(getattr(self.server, "server_port", 80))
        return found

    # The answer

    def _pass_on(self, answer: Response) -> None:
        """Send what the gateway answers, as it comes."""
        body = answer.body
        pieces: Iterator[bytes] = iter((body,)) if isinstance(body, bytes) else iter(body)  # type: ignore[arg-type]  # no file
        try:
            chunked = self._send_cgi_head(answer)
            if self.command == "HEAD":
                return
            for piece in _unbroken(pieces):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                if piece is not body:
                    self.wfile.flush()
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        finally:
            answer.close()

    def _send_cgi_head(self, answer: Response) -> bool:
        """True where the body has to be sent in chunks, its length not being known."""
        self.send_response(int(answer.status), answer.reason)
        fields = answer.headers.fields
        for name, value in fields:
            self.send_header(name, value)
        unknown = not isinstance(answer.body, bytes) and not any(name.lower() == "content-length" for name, _ in fields)
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        if isinstance(answer.body, bytes) and not bodiless:
            self.send_header("Content-Length", str(len(answer.body)))
        chunked = unknown and not bodiless and min(self.protocol_version, self.request_version) >= "HTTP/1.1"
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        return chunked


def _octets(text: str) -> str:
    """A field's text, in which a character stands for an octet, so that the environment will hold those octets."""
    return os.fsdecode(text.encode("latin-1", "replace"))


def _unbroken(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces; where the script breaks off, the connection must, too, and it is no fault of the handler's."""
    while True:
        try:
            piece = next(pieces)
        except StopIteration:
            return
        except OSError as error:
            raise ConnectionAbortedError(f"the script broke off: {error}") from None
        if piece:
            yield piece


@lru_cache(256)
def runner_of(handler_class: type[CGIHTTPRequestHandler]) -> Runner:
    """One for all instances of a class: it counts the scripts that are at work."""
    from salver.gateway.cgi_runner import Runner
    from salver.gateway.cgi_settings import CGISettings

    return Runner(handler_class.cgi_settings or CGISettings())


def _folders_above(path: str) -> Iterator[str]:
    """The folders that a path lies in, links followed, from the inside out."""
    try:
        path = os.path.realpath(path)
    except ValueError:  # a NUL
        return
    while (above := os.path.dirname(path)) != path:
        yield above
        path = above


def _there(paths: Iterable[str]) -> Iterator[os.stat_result]:
    """What those of them are that are there."""
    for path in paths:
        try:
            yield os.stat(path)
        except (OSError, ValueError):
            continue


def executable(path: str) -> bool:
    """Whether this process may execute the file."""
    return os.access(path, os.X_OK)


def nobody_uid() -> int:
    """The number of the user nobody, or the next one behind all users'; -1 where there are no users."""
    try:
        import pwd
    except ImportError:
        return -1
    users = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return users.get("nobody", 1 + max(users.values(), default=-2))


def _url_collapse_path(path: str) -> str:
    """A path decoded, without its empty and dot segments, its query behind it: a folder, a slash and a name, so that
    the first slash is doubled where there is no folder. Raises IndexError for one that climbs out."""
    path, _, query = path.partition("?")
    *folders, name = unquote(path).split("/")
    kept: list[str] = []
    for each in (*folders, name) if name == ".." else folders:
        if each == "..":
            kept.pop()
        elif each not in ("", "."):
            kept.append(each)
    if name in (".", ".."):
        name = ""
    return f"/{'/'.join(kept)}/{name}" + (f"?{query}" if query else "")

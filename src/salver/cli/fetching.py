"""`salver get URL`: one request by the client, and its response on the standard output or in a file.

To a terminal goes what can be read there (see `showing`); into a pipe or a file, the bytes. A file is written beside
its name and renamed when it is whole, and an error page never becomes one. Errors are one line on standard error, and
the exit status is curl's.
"""

from __future__ import annotations

import contextlib
import getpass
import itertools
import os
import signal
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from salver.cli import showing
from salver.cli.errors import UsageError, printable
from salver.cli.get_arguments import Fetch, parse_get, without_password
from salver.cli.get_content import content_options, joined
from salver.cli.get_errors import CANNOT_WRITE, FetchFailed, failure_of
from salver.cli.terminal import progress_bar, write_json
from salver.client import Auth, BasicAuth, BearerAuth, Client, ClientError, DigestAuth, Response, Retries, Timeout
from salver.client.partial import partial_file
from salver.client.url import parse_url
from salver.semantics.filenames import safe_filename

_PASSING = (408, 429, 500, 502, 503, 504)  # what curl repeats with --retry
_SECRETS = frozenset(("authorization", "cookie", "proxy-authorization", "set-cookie"))
_BAD_URL = 3


def fetch(arguments: Sequence[str]) -> int:
    """Run `salver get` with these arguments; returns the exit status. Raises `UsageError`, KeyboardInterrupt. Call it
    in the main thread."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the bar's cursor and the partial file are put right
    wanted = parse_get(arguments)
    if sys.stdout is None:  # it was closed when the process began
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for as long as the process lives
    try:
        try:
            return _fetched(wanted)
        except BrokenPipeError:
            # Nobody reads on, as behind `| head`; and nobody must be told at exit that flushing failed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return CANNOT_WRITE
        except (ClientError, OSError) as error:
            raise failure_of(error) from error
    except FetchFailed as failure:
        if wanted.output.show_errors:
            print(f"salver: {failure}", file=sys.stderr)
        return failure.status


def _fetched(wanted: Fetch) -> int:
    try:
        url = parse_url(wanted.url)
    except ClientError as error:
        raise FetchFailed(_BAD_URL, without_password(error.message)) from None
    with contextlib.ExitStack() as closing:
        options = _request_options(wanted, closing)
        client = closing.enter_context(_client(wanted))
        address = wanted.url
        if wanted.sent.in_query:
            address = _with_query(address, joined(wanted.sent).decode(errors="surrogateescape"))
        path = wanted.output.path
        if wanted.output.remote_name:
            path = safe_filename(unquote(url.path.rpartition("/")[2]))
            if not path:
                raise UsageError("the URL does not end in a name for -O; give one with -o")
        if path in ("", "-") or _is_special(path):
            return _to_output(wanted, client, address, options, path)
        return _to_file(wanted, client, address, options, path)


def _with_query(url: str, more: str) -> str:
    start, hash_, fragment = url.partition("#")
    return start + ("&" if "?" in start else "?") + more + hash_ + fragment


def _is_special(path: str) -> bool:
    """/dev/null, a pipe: written to, and certainly not replaced."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


# What the client is told


def _client(wanted: Fetch) -> Client:
    settings = dict(wanted.client)
    if wanted.retries is not None:
        settings["retries"] = Retries(lost=wanted.retries, connect=wanted.retries, statuses=_PASSING)
    usual = Timeout()
    timeout = Timeout(wanted.connect_timeout or usual.connect, usual.read, usual.write, usual.pool, wanted.max_time)
    return Client(timeout=timeout, **settings)


def _request_options(wanted: Fetch, closing: contextlib.ExitStack) -> dict[str, Any]:
    options = content_options(wanted.sent, closing)
    options["headers"] = list(wanted.headers)
    if wanted.cookies:
        options["cookies"] = wanted.cookies
    if wanted.user:
        options["auth"] = _auth(wanted)
    return options


def _auth(wanted: Fetch) -> Auth:
    if wanted.auth == "bearer":
        return BearerAuth(wanted.user)
    name, colon, password = wanted.user.partition(":")
    if not colon and sys.stdin.isatty():
        password = getpass.getpass(f"The password of {printable(name)}: ")
    return DigestAuth(name, password) if wanted.auth == "digest" else BasicAuth(name, password)


# The response on the standard output


def _to_output(wanted: Fetch, client: Client, url: str, options: dict[str, Any], path: str) -> int:
    with contextlib.ExitStack() as closing:
        response = closing.enter_context(client.stream(wanted.method, url, **options))
        _tell(wanted, response)
        to_terminal = sys.stdout.isatty() and not path
        if wanted.output.include:
            _write_heads(response, readable=to_terminal or sys.stdout.isatty())
        _refuse_error(wanted, response)
        if to_terminal:
            _show(response, arrange=not wanted.output.unbuffered)
            return 0
        write = sys.stdout.buffer.write
        if path not in ("", "-"):
            write = closing.enter_context(open(path, "wb")).write
        for part in response.iter_bytes():
            write(part)
            sys.stdout.flush()
        return 0


def _refuse_error(wanted: Fetch, response: Response) -> None:
    if wanted.output.fail:
        response.raise_for_status()


def _write_heads(response: Response, *, readable: bool) -> None:
    for each in (*response.history, response):
        if readable:
            sys.stdout.write("".join(f"{line}\n" for line in (*showing.head_lines(each), "")))
            sys.stdout.flush()
        else:
            sys.stdout.buffer.write(showing.raw_head(each))
            sys.stdout.flush()


def _show(response: Response, *, arrange: bool) -> None:
    parts = response.iter_bytes()
    start = next(parts, b"")
    if not start:
        return
    if showing.looks_binary(response, start):
        kind = response.headers.get("content-type", "without a media type")
        raise FetchFailed(
            CANNOT_WRITE, f"this is binary ({printable(kind)}), and no text; keep it with -o FILE or -O, or pipe it"
        )
    if arrange and showing.is_json(response):
        content, parts = _collected(start, parts)
        text = showing.maybe_arranged(content)
        if text is not None and len(content) <= showing.JSON_MOST:
            write_json(text)
            return
        start = content
    for text in showing.as_text(itertools.chain((start,), parts), response.charset):
        sys.stdout.write(text)
        sys.stdout.flush()


def _collected(start: bytes, parts: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """(as much as is arranged at most, and what is behind that)."""
    kept, size = [start], len(start)
    for part in parts:
        kept.append(part)
        size += len(part)
        if size > showing.JSON_MOST:
            break
    return b"".join(kept), parts


# The response in a file


def _to_file(wanted: Fetch, client: Client, url: str, options: dict[str, Any], path: str) -> int:
    plain = (
        wanted.method == "GET"
        and not wanted.sent.kind
        and not any(name.lower() == "range" for name, _ in wanted.headers)
    )
    with progress_bar(os.path.basename(path) or path, wanted=not wanted.output.silent) as report:
        if plain or os.path.isdir(path):
            if not plain:
                raise UsageError("-J and a folder are for GET alone; give a file with -o")
            restarts = 5 if wanted.retries is None else wanted.retries
            done = client.download(
                url, path, resume=wanted.output.resume, restarts=restarts, progress=report, **options
            )
            response, written = done.response, done.path
        else:
            if wanted.output.resume:
                raise UsageError("-C - goes on with a GET alone")
            response, written = _stored(client, wanted.method, url, options, Path(path)), Path(path)
    _tell(wanted, response)
    if wanted.output.include:
        _write_heads(response, readable=sys.stdout.isatty())
    if os.path.isdir(path) and wanted.output.show_errors:
        print(f"salver: written to {printable(written)}", file=sys.stderr)
    return 0


def _stored(client: Client, method: str, url: str, options: dict[str, Any], target: Path) -> Response:
    """What cannot be asked for twice: as a whole, or not at all."""
    with client.stream(method, url, **options) as response:
        response.raise_for_status()
        with partial_file(target, url) as partial:
            partial.begin("", None)
            for part in response.iter_bytes():
                partial.write(part)
            partial.finish(target)
        return response


# -v


def _tell(wanted: Fetch, response: Response) -> None:
    """What was asked and answered, on standard error, without what is secret."""
    if not wanted.output.verbose:
        return
    for each in (*response.history, response):
        request = each.request
        fields = [("Host", request.url.host_field), *request.headers]
        lines = [f"> {request.method} {request.url.target} HTTP/1.1"]
        lines += [f"> {name}: {_hidden(name, value)}" for name, value in fields]
        lines += ["", *(f"< {_without_secret(line)}" for line in showing.head_lines(each)), ""]
        print("\n".join(printable(line) for line in lines), file=sys.stderr)


def _hidden(name: str, value: str) -> str:
    return "[hidden]" if name.lower() in _SECRETS else value


def _without_secret(line: str) -> str:
    name, colon, value = line.partition(": ")
    return f"{name}{colon}{_hidden(name, value)}"

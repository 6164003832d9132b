"""The options of `salver get`, and what they come to: a request for the client, and what becomes of the response.

They are curl's where they mean the same, so that what fingers know works. Where people are better served otherwise,
the default is ours: redirects are followed, content codings taken off, and a file is there when it is whole.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from salver.cli import values
from salver.cli.arguments import command_parser
from salver.cli.errors import UsageError, printable, quoted

_DESCRIPTION = "Get what a URL leads to, or send something there."
_EPILOG = """\
examples:
  salver get example.com                              what is there, readable on a terminal
  salver get -O https://example.com/big.iso           into big.iso, with a progress bar; -C - goes on with it later
  salver get --json '{"name": "tray"}' :8000/things   POST to this computer's port 8000
  salver get -F file=@menu.pdf https://example.com/up a form with a file
exit status: 0; 2 usage, 3 URL, 6 name, 7 connection, 22 status (-f, -o), 23 file, 28 time-out, 35 and 60 TLS,
  47 redirects, 56 connection lost; all of them in docs/client.md
"""


@dataclass(frozen=True, slots=True)
class Output:
    """What becomes of the response. `path`: "" for the standard output, "-" for it whatever the bytes are; a folder for
    a file in it, that the server names."""

    path: str = ""
    remote_name: bool = False
    resume: bool = False
    include: bool = False
    verbose: bool = False
    silent: bool = False
    show_errors: bool = True
    fail: bool = False
    unbuffered: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent, as it was given: `kind` is "data", "json", "form", "file" or "" for nothing. `texts` of "data" are
    pairs of how it is read ("plain", "lines", "binary") and what stands there."""

    kind: str = ""
    texts: tuple[tuple[str, str], ...] = ()
    in_query: bool = False


@dataclass(frozen=True, slots=True)
class Fetch:
    """`client`: arguments of `Client`; `user`: "name:password", "name" where that is to be asked for, "" for none."""

    url: str
    method: str
    headers: tuple[tuple[str, str | None], ...]
    cookies: dict[str, str]
    user: str
    auth: str  # "basic", "digest", or "bearer" with the token in `user`
    sent: Sent
    output: Output
    client: dict[str, Any] = field(default_factory=dict, repr=False)
    connect_timeout: float | None = None
    max_time: float | None = None
    retries: int | None = None


def parse_get(arguments: Sequence[str]) -> Fetch:
    """What these arguments ask for. Raises `UsageError`; `--help` raises SystemExit."""
    given = _parser().parse_intermixed_args(list(arguments))
    sent = _sent(given)
    return Fetch(
        url=_whole_url(given.url),
        method=_method(given, sent),
        headers=_headers(given, sent),
        cookies=_cookies(given.cookie),
        user=given.oauth2_bearer or given.user or "",
        auth="bearer" if given.oauth2_bearer else "digest" if given.digest else "basic",
        sent=sent,
        output=_output(given),
        client=_client(given),
        connect_timeout=given.connect_timeout,
        max_time=given.max_time,
        retries=given.retry,
    )


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("salver get", "URL [options]", _DESCRIPTION, _EPILOG)
    parser.add_argument("url", metavar="URL", help="http:// is added where nothing stands; :8000/x is this computer")
    _add_request(parser.add_argument_group("what is asked"))
    _add_output(parser.add_argument_group("what becomes of the response"))
    _add_connection(parser.add_argument_group("the way there"))
    return parser


def _add_request(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-X", "--request", metavar="METHOD", help="instead of GET, and of POST with data")
    add("-I", "--head", action="store_true", help="HEAD: the header fields alone")
    add("-H", "--header", metavar="FIELD", action="append", default=[], help="'Name: value'; 'Name:' takes one away")
    add("-d", "--data", metavar="DATA", action=_Data, help="POST a form; @FILE reads it, without its line ends")
    add("--data-raw", metavar="DATA", action=_Data, help="the same, @ means nothing")
    add("--data-binary", metavar="DATA", action=_Data, help="the same, @FILE as it is")
    add("-G", "--get", action="store_true", help="put what -d gives into the query")
    add("--json", metavar="JSON", action="append", default=[], help="POST it as application/json; @FILE reads it")
    add(
        "-F", "--form", metavar="PART", action="append", default=[], help="name=value, name=@FILE[;type=T][;filename=N]"
    )
    add("-T", "--upload-file", metavar="FILE", help="PUT a file; - is the standard input")
    add("-u", "--user", metavar="USER[:PASSWORD]", help="who asks; the password is asked for where none is given")
    add("--digest", action="store_true", help="say so by Digest instead of Basic")
    add("--oauth2-bearer", metavar="TOKEN", help="say so by a token")
    add("-b", "--cookie", metavar="NAME=VALUE", action="append", default=[], help="send this cookie; several with ;")
    add("-A", "--user-agent", metavar="NAME", help="which program asks")
    add("-e", "--referer", metavar="URL", help="where the URL was found")
    add("-r", "--range", metavar="FIRST-LAST", help="these bytes alone")
    add("--compressed", action="store_true", help="ask for compressed content (as is)")
    add("--no-compressed", action="store_true", help="ask for content without a coding")


def _add_output(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-o", "--output", metavar="FILE", help="write it there; - is the standard output, for binary content too")
    add("-O", "--remote-name", action="store_true", help="write it to a file called as the URL's path ends")
    add("-J", "--remote-header-name", action="store_true", help="with -O: as the server calls it; replaces no file")
    add("-C", "--continue-at", metavar="-", help="with -o or -O: - goes on with what an earlier attempt left")
    add("-i", "--include", action="store_true", help="show the header fields, too")
    add("-f", "--fail", action="store_true", help="a status of 400 or above is an error: status 22, no content")
    add("-s", "--silent", action="store_true", help="no progress bar and no messages")
    add("-S", "--show-error", action="store_true", help="with -s: messages all the same")
    add("-v", "--verbose", action="store_true", help="show what is asked and answered on standard error")
    add("-N", "--no-buffer", action="store_true", help="show content as it arrives: JSON is not arranged")


def _add_connection(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("-L", "--location", action="store_true", help="follow redirects (as is)")
    add("--no-location", action="store_true", help="do not follow redirects")
    add("--max-redirs", metavar="N", type=_count, help="so many of them at most (20)")
    add("-k", "--insecure", action="store_true", help="take any certificate")
    add("--cacert", metavar="FILE", help="take those certificates that this authority has signed")
    add("-E", "--cert", metavar="FILE", help="our own certificate, in PEM")
    add("--key", metavar="FILE", help="its key (in the certificate's file)")
    add("-x", "--proxy", metavar="URL", help="go through this proxy; '' through none")
    add("--unix-socket", metavar="PATH", help="connect to this socket")
    add("-m", "--max-time", metavar="SECONDS", type=_time_limit, help="the whole exchange")
    add("--connect-timeout", metavar="SECONDS", type=_time_limit, help="until there is a connection (10)")
    add("--retry", metavar="N", type=_count, help="so often after a failure that may pass")


class _Data(argparse.Action):
    """Keeps the order of -d, --data-raw and --data-binary among each other."""

    def __call__(self, parser: object, namespace: Any, value: Any, option: str | None = None) -> None:
        how = {"--data-raw": "plain", "--data-binary": "binary"}.get(option or "", "lines")
        namespace.sent_data = [*getattr(namespace, "sent_data", []), (how, value)]


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", text):
        raise UsageError(f"{quoted(text)} is not a number of times")
    return int(text)


def _time_limit(text: str) -> float:
    seconds = values.seconds(text)
    if not seconds:
        raise UsageError("a time limit is above 0 seconds; leave it out for none")
    return seconds


def _whole_url(text: str) -> str:
    if text.startswith(":") and re.match(r":[0-9]{1,5}(?:[/?#]|$)", text):
        return f"http://127.0.0.1{text}"
    return text if re.match("[A-Za-z][A-Za-z0-9+.-]*://", text) else f"http://{text}"


def _sent(given: argparse.Namespace) -> Sent:
    data = getattr(given, "sent_data", [])
    kinds = {"-d": data, "--json": given.json, "-F": given.form, "-T": given.upload_file}
    used = [name for name, texts in kinds.items() if texts]
    if len(used) > 1:
        raise UsageError(f"{used[0]} and {used[1]} say two things of what is sent; give one of them")
    if given.get and used not in ([], ["-d"]):
        raise UsageError(f"-G puts what -d gives into the query; leave {used[0]} out")
    if data:
        return Sent("data", tuple(data), in_query=given.get)
    if given.json:
        return Sent("json", tuple(("binary", text) for text in given.json))
    if given.form:
        return Sent("form", tuple(("part", text) for text in given.form))
    return Sent("file", (("binary", given.upload_file),)) if given.upload_file else Sent()


def _method(given: argparse.Namespace, sent: Sent) -> str:
    if given.head and sent.kind and not sent.in_query:
        raise UsageError("-I asks for the header fields alone and sends nothing; leave what is sent out")
    if given.request:
        return str(given.request)
    if given.head:
        return "HEAD"
    if not sent.kind or sent.in_query:
        return "GET"
    return "PUT" if sent.kind == "file" else "POST"


def _headers(given: argparse.Namespace, sent: Sent) -> tuple[tuple[str, str | None], ...]:
    found: list[tuple[str, str | None]] = []
    if given.user_agent is not None:
        found.append(("User-Agent", given.user_agent or None))
    if given.referer is not None:
        found.append(("Referer", given.referer))
    if given.range is not None:
        found.append(("Range", f"bytes={given.range}"))
    if given.no_compressed or given.range is not None:
        found.append(("Accept-Encoding", "identity"))
    if sent.kind == "json":
        found += [("Content-Type", "application/json"), ("Accept", "application/json")]
    if sent.kind == "data" and not sent.in_query:
        found.append(("Content-Type", "application/x-www-form-urlencoded"))
    own = [_field(text) for text in given.header]
    names = {name.lower() for name, _ in own}
    return (*(pair for pair in found if pair[0].lower() not in names), *own)


def _field(text: str) -> tuple[str, str | None]:
    """curl's three forms: "Name: value"; "Name:" takes one away; "Name;" sends one that is empty."""
    name, colon, value = text.partition(":")
    if not colon and text.endswith(";"):
        return text[:-1], ""
    if not colon:
        raise UsageError(f"the header {quoted(text)} has no colon; write it as 'Name: value'")
    return name.strip(), value.strip(" \t") or None


def _cookies(texts: list[str]) -> dict[str, str]:
    found = {}
    for text in texts:
        for pair in filter(None, (each.strip() for each in text.split(";"))):
            name, equals, value = pair.partition("=")
            if not equals:
                raise UsageError(f"the cookie {quoted(pair)} has no value; write it as name=value")
            found[name] = value
    return found


def _output(given: argparse.Namespace) -> Output:
    if given.continue_at not in (None, "-"):
        raise UsageError("-C - finds out itself where to go on; give the dash")
    if given.output and given.remote_name:
        raise UsageError("-o and -O name two files; give one of them")
    if given.remote_header_name and not given.remote_name:
        raise UsageError("-J says how -O finds the name; give both")
    in_file = given.remote_name or given.output not in (None, "-")
    if given.continue_at and not in_file:
        raise UsageError("-C - goes on with a file; say which, with -o or -O")
    return Output(
        path="." if given.remote_header_name else given.output or "",
        remote_name=given.remote_name and not given.remote_header_name,
        resume=given.continue_at is not None,
        include=given.include or given.head,
        verbose=given.verbose,
        silent=given.silent,
        show_errors=not given.silent or given.show_error,
        fail=given.fail,
        unbuffered=given.no_buffer,
    )


def _client(given: argparse.Namespace) -> dict[str, Any]:
    if given.insecure and given.cacert:
        raise UsageError("-k takes any certificate; leave --cacert out")
    if given.key and not given.cert:
        raise UsageError("--key belongs to a certificate; give --cert, too")
    if given.proxy and given.unix_socket:
        raise UsageError("-x and --unix-socket are two ways; give one of them")
    found: dict[str, Any] = {"follow_redirects": not given.no_location}
    if given.max_redirs is not None:
        found["max_redirects"] = given.max_redirs
    if given.insecure or given.cacert:
        found["verify"] = given.cacert or False
    if given.cert:
        found["cert"] = (given.cert, given.key) if given.key else given.cert
    if given.proxy is not None:
        found["proxy"] = given.proxy or False
    if given.unix_socket:
        found["unix_socket"] = given.unix_socket
    return found


def without_password(text: str) -> str:
    """A message about a URL: without what may be a password in it, on one line."""
    return printable(re.sub(r"(?<=//)[^/?#]*@", "", text))

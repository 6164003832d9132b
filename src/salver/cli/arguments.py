"""The options of the two commands, and what they come to: one `Command`, checked and ready to be carried out.

argparse finds the options, but does not answer in its own two lines. Limits and time-outs are not spelled out here:
every member of the settings' groups is an option, so that a new one needs no second place.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NoReturn

from salver.cli import values
from salver.cli.errors import UsageError, printable
from salver.cli.words import describe
from salver.service.settings import SizeLimits, Timeouts

DEFAULT_PORT = 8000
DEFAULT_HOST = "127.0.0.1"

_DESCRIPTION = "Serve a folder or a file over HTTP."
INTERFACES = ("auto", "handler", "wsgi")

_RUN_DESCRIPTION = """\
Serve a Python callable that takes a request, or a WSGI application; or run a script as it is, with
http.server and socketserver replaced by Salver's: salver run SCRIPT.py [its arguments]
"""
_EPILOG = """\
examples:
  salver                              this folder, at http://127.0.0.1:8000/
  salver site 9000 --open             the folder "site" on port 9000, in the browser
  salver -b 0.0.0.0 -b [::]           let the network in
  salver dist --spa --cache 3600      a page app
  salver site --accounts sqlite:///accounts.db   for those who log in; see salver accounts --help
  salver run shop.app:handler         a Python callable, or a WSGI application; see salver run --help
  salver run script.py                a script written for http.server, as it is
"""


@dataclass(frozen=True, slots=True)
class MailOptions:
    """By which mail server letters go, from which address, and where the links in them lead."""

    server: str
    sender: str
    public_url: str
    password_file: str | None = None


@dataclass(frozen=True, slots=True)
class AccountsOptions:
    """Who may log in: where the accounts are, where failed tries are counted, whether everybody may make an account,
    and how those who have forgotten a password are written to."""

    database: str
    tries: str | None = None
    registration: bool = False
    mail: MailOptions | None = None


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """What is said about the folder that is served, or the file."""

    path: str = "."
    spa: bool = False
    cors: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    cache: int | None = None
    index: tuple[str, ...] = ()
    listing: bool = True
    hidden: bool = False
    follow_symlinks: bool = False
    compress: bool = True
    cgi: tuple[str, ...] = ()  # folders of scripts as given; "" stands for those that are customary
    cgi_body: int | None = None  # bytes that a request to a script may have
    accounts: AccountsOptions | None = None


@dataclass(frozen=True, slots=True)
class TLSOptions:
    """What is said about HTTPS: files, or a certificate made for the occasion."""

    cert: str | None = None
    key: str | None = None
    password_file: str | None = None
    self_signed: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """What a command line asks for: a folder, or the handler called `target`, and how to serve it.

    `bind` and `port` are as given: nothing and None leave the choice to who serves.
    `settings` are the flat names of `Settings.of`, without those that were not given.
    """

    folder: FolderOptions | None
    target: str | None
    bind: tuple[str, ...] = ()
    port: int | None = None
    workers: int = 1
    open_browser: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    log_by_default: bool = True
    interface: str = "auto"  # what the target is written for
    reload: tuple[str, ...] | None = None  # files and folders to watch beside the code; None: start once
    script: tuple[str, ...] = ()  # a script to run as it is, and its arguments
    tls: TLSOptions | None = None


def parse(arguments: list[str]) -> Command:
    """The command that these arguments ask for. Raises `UsageError`; `--help` and `--version` raise SystemExit."""
    if arguments[:1] == ["run"] and len(arguments) > 1 and arguments[1].endswith(".py"):
        return Command(folder=None, target=None, script=tuple(arguments[1:]))
    if arguments[:1] == ["run"]:
        return _run_command(_run_parser().parse_intermixed_args(arguments[1:]))
    return _folder_command(_folder_parser().parse_intermixed_args(_without_gaps(arguments)))


def _without_gaps(arguments: Sequence[str]) -> list[str]:
    """`--cors site` is CORS for all and the folder "site", `--cors https://…` is CORS for that origin; `--cgi 8080` is
    scripts and a port: argparse would take whatever comes next."""
    told = []
    for place, argument in enumerate(arguments):
        following = arguments[place + 1] if place + 1 < len(arguments) else ""
        if argument == "--cors" and not values.looks_like_origin(following):
            argument = "--cors=*"
        elif argument == "--cgi" and not values.looks_like_folder(following):
            argument = "--cgi="
        told.append(argument)
    return told


class _Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong instead of printing it together with a usage."""
        raise UsageError(f"{printable(message)}; see {self.prog} --help")


def _folder_parser() -> argparse.ArgumentParser:
    parser = command_parser("salver", "[DIR] [PORT] [options]", _DESCRIPTION, _EPILOG)
    add = parser.add_argument
    add("what", nargs="*", metavar="DIR", help="the folder or file to serve (this folder); all digits are a port")
    _add_serving(parser)
    content = parser.add_argument_group("what is served")
    add = content.add_argument
    add("--spa", action="store_true", help="a page app: answer with index.html what is no file")
    add(
        "--index",
        metavar="NAME",
        action="append",
        type=values.index_name,
        default=[],
        help="tried in a folder, in order (index.html, index.htm)",
    )
    add("--no-listing", action="store_true", help="no listings of folders that have no index file")
    add("--hidden", action="store_true", help="serve names that begin with a dot, too")
    add("--follow-symlinks", action="store_true", help="serve links that lead out of the folder, too")
    add("--no-compress", action="store_true", help="send files as they are")
    add(
        "--cgi",
        metavar="DIR",
        action="append",
        default=[],
        help="run what is in DIR (cgi-bin, htbin) as CGI scripts; more than once for several",
    )
    fields_ = parser.add_argument_group("header fields")
    add = fields_.add_argument
    add(
        "--cors",
        metavar="ORIGIN",
        nargs="?",
        const="*",
        type=values.origin,
        help="let pages of another origin read (*)",
    )
    add(
        "-H",
        "--header",
        metavar="FIELD",
        action="append",
        type=values.header,
        default=[],
        help="send the field 'Name: value'; more than once for several",
    )
    add("--cache", metavar="SECONDS", type=values.whole_seconds, help="how long clients may keep what they got")
    _add_accounts(parser)
    _add_settings(parser)
    return parser


def _add_accounts(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("who may see it").add_argument
    add("--accounts", metavar="URL", help="those who log in: sqlite:///PATH or postgresql://… has the accounts")
    add("--accounts-registration", action="store_true", help="everybody may make an account")
    add(
        "--accounts-tries",
        metavar="URL",
        help="count failed tries in redis://…, for several servers together (each process its own)",
    )
    add(
        "--accounts-mailer",
        metavar="URL",
        help="forgotten passwords are set anew by a link, sent by smtps://user@host or smtp://host (STARTTLS)",
    )
    add("--accounts-mail-from", metavar="ADDRESS", help="where those letters come from")
    add("--accounts-mail-password-file", metavar="FILE", help="the mail server's password (SALVER_MAIL_PASSWORD)")
    add("--accounts-public-url", metavar="URL", help="https://… as people open this site, for the links")


def _run_parser() -> argparse.ArgumentParser:
    parser = command_parser("salver run", "MODULE:ATTRIBUTE [options]", _RUN_DESCRIPTION, None)
    add = parser.add_argument
    add("target", metavar="MODULE:ATTRIBUTE", help="where it is; this folder is on the path")
    add(
        "--interface",
        choices=INTERFACES,
        default="auto",
        help='what it is written for: a request ("handler") or WSGI; "auto" looks at its parameters (auto)',
    )
    add("--reload", action="store_true", help="start anew when a .py file here changes")
    add(
        "--reload-path",
        metavar="PATH",
        action="append",
        default=[],
        help="with --reload: when something in PATH changes, too; more than once for several",
    )
    _add_serving(parser)
    _add_settings(parser)
    return parser


def command_parser(prog: str, usage: str, description: str, epilog: str | None) -> argparse.ArgumentParser:
    """A parser whose help looks as ours does, and that raises `UsageError`."""
    return _Parser(
        prog=prog,
        usage=f"{prog} {usage}",
        description=description,
        epilog=epilog,
        allow_abbrev=False,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=32, width=110),
    )


def _add_serving(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("-p", "--port", type=values.port, help=f"the port, 0 for any free one ({DEFAULT_PORT})")
    add(
        "-b",
        "--bind",
        metavar="ADDRESS",
        action="append",
        default=[],
        help=f"HOST, HOST:PORT, [V6]:PORT, unix:PATH or fd:NUMBER; more than once for several ({DEFAULT_HOST})",
    )
    add("--workers", metavar="N", type=values.workers, default=1, help='processes; "auto" is one a core (1)')
    add("--open", action="store_true", help="open the browser")
    add("--version", action=_Version, help="say which version this is")


class _Version(argparse.Action):
    """Looks the version up when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:  # noqa: A002
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from salver import __version__

        print(f"salver {__version__}")
        parser.exit()


def _add_settings(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("HTTPS").add_argument
    add("--tls-cert", metavar="PATH", help="speak HTTPS with this certificate, and its chain, in PEM")
    add("--tls-key", metavar="PATH", help="its private key in PEM (in the certificate's file)")
    add("--tls-password-file", metavar="PATH", help="a file with the key's password")
    add("--tls-self-signed", action="store_true", help="speak HTTPS with a certificate made now, for trying things out")
    logs = parser.add_argument_group("the access log")
    logs.add_argument(
        "--access-log", metavar="PATH", help="a file, or - for standard output (standard error, if that is a terminal)"
    )
    logs.add_argument("--no-access-log", action="store_true", help="none")
    logs.add_argument(
        "--log-format", metavar="FORMAT", type=values.log_format, help="combined, json, or like '{client} {status}'"
    )
    groups = (("limit", SizeLimits, values.size, "N"), ("timeout", Timeouts, values.seconds, "SECONDS"))
    for kind, group, convert, metavar in groups:
        section, defaults = parser.add_argument_group(f"{kind}s"), group()
        for each in fields(group):
            name = f"{kind}_{each.name}"
            option = "--" + name.replace("_", "-")
            unit = "N" if each.name == "body_rate" else metavar  # of the time-outs, the one that is no time
            section.add_argument(option, metavar=unit, type=convert, help=describe(name, getattr(defaults, each.name)))


def _folder_command(given: argparse.Namespace) -> Command:
    path, port = _path_and_port(given.what, given.port)
    folder = FolderOptions(
        path=path,
        spa=given.spa,
        cors=given.cors,
        headers=tuple(given.header),
        cache=given.cache,
        index=tuple(given.index),
        listing=not given.no_listing,
        hidden=given.hidden,
        follow_symlinks=given.follow_symlinks,
        compress=not given.no_compress,
        cgi=tuple(given.cgi),
        cgi_body=given.limit_body,
        accounts=_accounts_options(given),
    )
    return _command(given, folder, None, port)


def _accounts_options(given: argparse.Namespace) -> AccountsOptions | None:
    if given.accounts is None:
        for option in ("registration", "tries", "mailer", *_WITH_MAILER):
            if getattr(given, f"accounts_{option.replace('-', '_')}"):
                raise UsageError(f"--accounts-{option} is for --accounts; give both")
        return None
    if given.cors is not None:
        raise UsageError("--cors is for pages that everybody may read, --accounts for the others; leave one out")
    if given.cache is not None:
        raise UsageError("what is behind --accounts is kept by no cache; leave --cache out")
    return AccountsOptions(given.accounts, given.accounts_tries, given.accounts_registration, _mail_options(given))


_WITH_MAILER = ("mail-from", "public-url", "mail-password-file")


def _mail_options(given: argparse.Namespace) -> MailOptions | None:
    sender, public_url, password_file = values = [
        getattr(given, f"accounts_{option.replace('-', '_')}") for option in _WITH_MAILER
    ]
    if given.accounts_mailer is None:
        for option, value in zip(_WITH_MAILER, values, strict=True):
            if value:
                raise UsageError(f"--accounts-{option} is for --accounts-mailer; give both")
        return None
    if not sender or not public_url:
        missing = "--accounts-public-url https://…" if sender else "--accounts-mail-from ADDRESS"
        raise UsageError(f"--accounts-mailer needs {missing}")
    return MailOptions(given.accounts_mailer, sender, public_url, password_file)


def _path_and_port(what: list[str], port: int | None) -> tuple[str, int | None]:
    ports = [each for each in what if each.isascii() and each.isdigit()]
    paths = [each for each in what if each not in ports]
    if len(paths) > 1:
        raise UsageError(f"one folder at a time: {' or '.join(printable(path) for path in paths[:2])}")
    if len(ports) + (port is not None) > 1:
        raise UsageError("the port is given twice; for a folder whose name is a number, write ./ before it")
    return (paths[0] if paths else "."), (values.port(ports[0]) if ports else port)


def _run_command(given: argparse.Namespace) -> Command:
    if given.reload and given.workers > 1:
        raise UsageError("--reload serves with one process; leave --workers out")
    if given.reload_path and not given.reload:
        raise UsageError("--reload-path is for --reload; give both")
    reload = tuple(given.reload_path) if given.reload else None
    return replace(_command(given, None, given.target, given.port), interface=given.interface, reload=reload)


def _command(given: argparse.Namespace, folder: FolderOptions | None, target: str | None, port: int | None) -> Command:
    if given.no_access_log and given.access_log is not None:
        raise UsageError("--access-log and --no-access-log exclude each other; leave one out")
    names = [f"limit_{each.name}" for each in fields(SizeLimits)] + [
        f"timeout_{each.name}" for each in fields(Timeouts)
    ]
    found = {name: getattr(given, name) for name in ("access_log", "log_format", *names)}
    return Command(
        folder=folder,
        target=target,
        bind=tuple(given.bind),
        port=port,
        workers=given.workers,
        open_browser=given.open,
        settings={name: value for name, value in found.items() if value is not None},
        log_by_default=not given.no_access_log,
        tls=_tls_options(given),
    )


def _tls_options(given: argparse.Namespace) -> TLSOptions | None:
    said = TLSOptions(given.tls_cert, given.tls_key, given.tls_password_file, given.tls_self_signed)
    if said.self_signed and (said.cert or said.key or said.password_file):
        raise UsageError("--tls-self-signed makes its own certificate and key; leave the other --tls options out")
    if said.cert is None and (said.key or said.password_file):
        raise UsageError("--tls-key and --tls-password-file need --tls-cert; give the certificate, too")
    return said if said.cert or said.self_signed else None

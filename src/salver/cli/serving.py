"""A command carried out: the handler made, the addresses bound, said where it is, and served until it is stopped.

Everything that may be wrong (the folder, the addresses, the log) is tried before a word is said, and every error is
in the words of who types commands. This file decides nothing about HTTP.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from salver.cli.arguments import DEFAULT_HOST, DEFAULT_PORT, Command, FolderOptions
from salver.cli.errors import UsageError, printable, reason_of
from salver.handler import Handler
from salver.net.address import Address, AddressError, parse_address, systemd_addresses
from salver.net.listener import Listener, ListenError, open_listeners, urls
from salver.service.settings import Settings

if TYPE_CHECKING:
    from salver.net.certificates import Certificates


def serve(command: Command) -> int:
    """Serve until SIGINT or SIGTERM. Returns the exit status. Raises `UsageError`."""
    make_handler, name = _handler_maker(command)
    settings = _settings(command)
    listeners = _listeners(command, settings.limits.backlog)
    certificates, scheme = None, "http"
    if command.tls is not None:
        from salver.cli.tls import certificates_for

        certificates, scheme = certificates_for(command.tls, listeners), "https"
    # Whoever reads the announcement may stop us at once: until the server takes signals, there is nothing to finish.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end_at_once)
    if command.workers > 1:
        from salver.service.workers import run_workers

        _announce(name, urls(listeners, scheme), command)
        return run_workers(make_handler, listeners, settings, command.workers, tls=certificates)
    if command.reload is not None:
        return _serve_reloading(command, make_handler, listeners, settings, certificates)
    from salver.service.server import Server, run_until_signalled

    try:
        server = Server(make_handler(), listeners=listeners, settings=settings, tls=certificates)
    except ListenError as error:  # an app that shows tracebacks, where others could see them
        raise UsageError(printable(error)) from None
    _announce(name, server.urls, command)
    run_until_signalled(server)
    return 0


def _serve_reloading(
    command: Command,
    make_handler: Callable[[], Handler],
    listeners: Sequence[Listener],
    settings: Settings,
    certificates: Certificates | None,
) -> int:
    from salver.cli.loading import split
    from salver.cli.reloading import Reloader, code_folders
    from salver.cli.watching import Watch
    from salver.service.server import Server  # here, so that no child has to

    target = command.target or ""
    split(target)
    watch = Watch(code_folders(target), command.reload or ())
    reloader = Reloader(
        lambda beat: Server(make_handler(), listeners=listeners, settings=settings, tls=certificates),
        watch,
        settings.timeouts.stop,
    )
    where = urls(listeners, "http" if certificates is None else "https")

    def announce() -> None:
        _announce(f"{target}, anew whenever a file changes", where, replace(command, open_browser=False))
        url = next((each for each in where if each.startswith("http")), None)
        if command.open_browser and url is not None:  # in no thread: this process forks
            os.posix_spawn(sys.executable, [sys.executable, "-m", "webbrowser", url], os.environ)

    return reloader.run(announce)


def _end_at_once(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


def _handler_maker(command: Command) -> tuple[Callable[[], Handler], str]:
    """What makes the handler, and what it is called when it is announced.

    A folder is tried here. A module is imported in each worker, so that SIGHUP imports it anew; whether that works
    is tried in a process that then ends.
    """
    target = command.target
    if target is not None:
        from salver.cli.loading import Loading

        loading = Loading(target, command.interface, command.settings.get("limit_body"), command.workers)
        if command.workers > 1:
            loading.try_out()
            return loading.load, target
        if command.reload is not None:
            return loading.load, target
        loaded = loading.load()
        return lambda: loaded, target
    from salver.cli.folders import folder_handler, script_folders

    folder = command.folder or FolderOptions()
    folder_handler(folder)
    name = os.path.abspath(folder.path)
    if folder.cgi:
        name += f", scripts at {' and '.join(script_folders(folder))}"
    accounts = folder.accounts
    if accounts is None:
        return lambda: folder_handler(folder), name
    from salver.cli.protecting import protected, try_accounts

    try_accounts(folder, accounts)
    return lambda: protected(folder_handler(folder), accounts), f"{name}, to those who log in"


def _listeners(command: Command, backlog: int) -> list[Listener]:
    opened: list[Listener] = []
    try:
        for address in _addresses(command):
            opened.extend(open_listeners(address, backlog))
    except (AddressError, ListenError) as error:
        for listener in opened:
            listener.close()
        raise UsageError(printable(error)) from None
    return opened


def _addresses(command: Command) -> list[Address]:
    """Those that are given; else the sockets that systemd has opened for us; else the loopback address."""
    port = DEFAULT_PORT if command.port is None else command.port
    if not command.bind and command.port is None:
        passed = systemd_addresses(os.environ, os.getpid())
        for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):  # not for what we may start
            os.environ.pop(name, None)
        if passed:
            return passed
    return [parse_address(each, port) for each in command.bind or (DEFAULT_HOST,)]


def _settings(command: Command) -> Settings:
    given = dict(command.settings)
    destination = given.get("access_log")
    if destination is None and command.log_by_default and _is_terminal():
        given["access_log"] = sys.stderr  # for the one who sits there; programs ask for a log
    elif destination is not None and destination != "-":
        _try_log(destination)
    try:
        return Settings.of(**given)
    except ValueError as error:
        raise UsageError(printable(error)) from None


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _try_log(path: str) -> None:
    """Open it as the server will, but while there is somebody to read the error."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o666))
    except (OSError, ValueError) as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"cannot write the access log {printable(path)}: {reason}; give another path") from None


def _announce(name: str, where: Sequence[str], command: Command) -> None:
    lines = [f"Serving {printable(name)}", *(f"  {url}" for url in where), "Stop it with Ctrl-C."]
    try:
        print("\n".join(lines), flush=True)
    except OSError:
        pass  # nobody reads it: the server is wanted all the same
    if command.open_browser:
        _open_browser(where)


def _open_browser(where: Sequence[str]) -> None:
    """In a thread: some browsers are waited for. The sockets listen already, so none is refused."""
    import threading
    import webbrowser

    url = next((each for each in where if each.startswith("http")), None)
    if url is not None:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True, name="browser").start()

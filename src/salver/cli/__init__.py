"""The command line: `salver [DIR]` serves a folder or a file, `salver run module:attribute` any handler, and
`salver run script.py` a script written for the standard library's servers; `salver accounts` says who may log in, and
`salver get URL` is the client.

What a command needs is imported when it is known which one it is: a server is asked for, and answers, within the
time that reading an unused module takes. Whatever is wrong with a command is one line on standard error, that says
what to do, and exit status 2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (the process's own, if None). Returns the exit status: 0, 2 for a usage
    error, 130 when interrupted before anything was served. Call it in the main thread."""
    from salver.cli.errors import AlreadySaid, UsageError

    if arguments is None:  # the process is ours
        _end_when_interrupted()
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except UsageError as error:
        if not isinstance(error, AlreadySaid):
            print(f"salver: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _end_when_interrupted() -> None:
    """Until something is served there is nothing to finish. As an exception, Ctrl-C would end in a traceback of
    whatever is being imported, or in nothing at all where it hits a callback that may not raise."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["accounts"]:
        from salver.cli.accounts import run_accounts

        return run_accounts(arguments[1:])
    if arguments[:1] == ["get"]:
        from salver.cli.fetching import fetch

        return fetch(arguments[1:])
    from salver.cli.arguments import parse

    command = parse(arguments)
    if command.script:
        from salver.cli.scripts import run_script

        return run_script(command.script[0], command.script[1:])
    from salver.cli.serving import serve

    return serve(command)

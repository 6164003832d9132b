"""`salver run script.py`: a script as it is, with `http.server` and `socketserver` replaced by ours.

The two modules change places before the script's first line runs, so that whatever it imports (`wsgiref`,
`xmlrpc.server` and other people's packages too) finds ours. The script is `__main__`, its folder is first on the path,
and its arguments are its own.
"""

from __future__ import annotations

import http
import os
import runpy
import signal
import sys
from collections.abc import Sequence

from salver.cli.errors import UsageError, printable, reason_of


def run_script(path: str, arguments: Sequence[str]) -> int:
    """Run the script at `path` with `arguments`, and return 0 when it ends. What it raises, it raises; raises
    `UsageError` where it cannot be read."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError as error:
        raise UsageError(f"cannot read {printable(path)}: {reason_of(error)}; give the path of a script") from None
    replace_modules()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the script's: KeyboardInterrupt, as anywhere
    sys.argv = [path, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    runpy.run_path(path, run_name="__main__")
    return 0


def replace_modules() -> None:
    """From here on `import http.server` and `import socketserver` find ours."""
    import salver.server
    import salver.socketserver

    sys.modules["socketserver"] = salver.socketserver
    sys.modules["http.server"] = salver.server
    http.server = salver.server

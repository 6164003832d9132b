"""How a program is started: by the interpreter's own vfork and exec, called without what `subprocess` puts around it.

Measured beside one another for a C program that prints a line, of which fork, exec and exit are 600 µs whoever asks:
`subprocess.Popen` adds 100 µs of our own processor time and the function in C that it comes to 40, both with the
folder changed (RFC 3875 §7.2), every other descriptor closed, the signals' defaults restored and a session made.
`os.posix_spawn` is as fast as that function and does half of it: it can neither change the folder nor close what an
extension may have left inheritable, and who would do so in between (a launcher) costs an exec more, 300 µs. glibc's own
`posix_spawn` can both; called through ctypes it was slower under load, whether the interpreter's lock was given away
or kept. A helper process that forks for us gains nothing, since vfork copies no pages, and costs two more switches.

The function is private to CPython. So it is called only as the versions known to us have it, and `Popen` does the work
wherever that cannot be: elsewhere than in CPython, where one of the three standard descriptors is free to be mistaken
for another, and where a newer version refuses the arguments.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from subprocess import Popen
from typing import Protocol

try:
    import _posixsubprocess
except ImportError:  # not CPython, or not POSIX
    _posixsubprocess = None  # type: ignore[assignment]

_MOST_REPORT = 50_000  # bytes that a child says at most of why it could not become the program
_ALLOW_VFORK = (True,) if sys.version_info < (3, 14) else ()  # later ones always do
_RESTORE_SIGNALS, _OWN_SESSION, _CLOSE_OTHERS = True, True, True


class Process(Protocol):
    """What has been started and must be waited for."""

    @property
    def pid(self) -> int:
        """Its number; its own as long as `returncode` is None."""

    @property
    def returncode(self) -> int | None:
        """What `poll` or `wait` has found, negative for a signal."""

    def poll(self) -> int | None:
        """`returncode`, if need be found out without waiting."""

    def wait(self) -> int:
        """`returncode`, waited for."""


class Forked:
    """A process of `start_process`. For one thread at a time."""

    __slots__ = ("pid", "returncode")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """See `Process`."""
        return self._wait(os.WNOHANG) if self.returncode is None else self.returncode

    def wait(self) -> int:
        """See `Process`."""
        return self._wait(0) or 0 if self.returncode is None else self.returncode

    def _wait(self, options: int) -> int | None:
        try:
            pid, status = os.waitpid(self.pid, options)
        except ChildProcessError:  # somebody else has waited for it, or nobody may: what it said is lost
            self.returncode = 0
        else:
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def start_process(
    command: tuple[str, ...], environment: dict[bytes, bytes], descriptors: tuple[int, int, int]
) -> Process:
    """Start `command` in the folder of its last word, as the leader of a session of its own, with `descriptors` as its
    input, output and error and no others, and with nothing but `environment`.

    The descriptors stay the caller's. Raises OSError where it cannot be started.
    """
    report, theirs = os.pipe()
    try:
        if _posixsubprocess is None or theirs < 3 or min(descriptors) < 3:
            return _start_the_long_way(command, environment, descriptors)
        try:
            pid = _fork(command, environment, descriptors, report, theirs)
        except TypeError:  # other arguments than are known to us: nothing has been done yet
            return _start_the_long_way(command, environment, descriptors)
        finally:
            os.close(theirs)
            theirs = -1
        said = os.read(report, _MOST_REPORT)  # the end of it, as soon as the program is there
    finally:
        os.close(report)
        if theirs >= 0:
            os.close(theirs)
    process = Forked(pid)
    if said:
        process.wait()
        raise _why(said, command)
    return process


def _fork(
    command: tuple[str, ...],
    environment: dict[bytes, bytes],
    descriptors: tuple[int, int, int],
    report: int,
    theirs: int,
) -> int:
    program, variables = os.fsencode(command[0]), [b"%b=%b" % pair for pair in environment.items()]
    programs = (program,) if b"/" in program else _on_the_path(program, environment)
    folder = os.path.dirname(command[-1]) or None
    sys.audit("subprocess.Popen", command[0], command, folder, environment)
    stdin, stdout, stderr = descriptors
    fork_exec: Callable[..., int] = _posixsubprocess.fork_exec
    # fmt: off
    return fork_exec(
        command, programs, _CLOSE_OTHERS, (theirs,), folder, variables,
        stdin, -1, -1, stdout, -1, stderr, report, theirs,
        _RESTORE_SIGNALS, _OWN_SESSION, -1, None, None, None, -1, None, *_ALLOW_VFORK,
    )
    # fmt: on


def _on_the_path(program: bytes, environment: dict[bytes, bytes]) -> tuple[bytes, ...]:
    """Where an interpreter that is named without a folder may be: on the PATH of those that are started."""
    folders = environment.get(b"PATH", os.fsencode(os.defpath)).split(os.fsencode(os.pathsep))
    return tuple(os.path.join(folder, program) for folder in folders)


def _start_the_long_way(
    command: tuple[str, ...], environment: dict[bytes, bytes], descriptors: tuple[int, int, int]
) -> Process:
    stdin, stdout, stderr = descriptors
    return Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=os.path.dirname(command[-1]) or None,
        env=environment,
        start_new_session=True,
    )


def _why(said: bytes, command: tuple[str, ...]) -> OSError:
    """A child says `OSError:2:` before it ends, with the number in hexadecimal; and "noexec" behind it where it did
    not even come as far as the program."""
    _, _, rest = said.partition(b":")
    number, _, where = rest.partition(b":")
    try:
        code = int(number, 16)
    except ValueError:
        return OSError(f"{command[0]}: {said[:200]!r}")
    return OSError(code, os.strerror(code), os.path.dirname(command[-1]) if where else command[0])

"""Which script a path names, and what of the path is the script's own (PATH_INFO).

The path is walked once, segment by segment, each decoded once: folders are gone through, the first file ends the
walk, and the rest is handed to it. So there is one reading of a path, and an encoded slash, a dot segment or an empty
one (`/cgi-bin%2fx.py`, `/./x.py`, `//x.py`) is no other way to the same script: it is no way at all.

Unlike files, scripts are opened by the kernel, by their path; a walk by descriptors would close no gap. It needs
none: who may rename things in a folder of scripts may run programs already.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from salver.gateway.cgi_settings import CGISettings
from salver.semantics.urls import decode_segment, is_plain_name, is_well_formed_path

# What no segment of PATH_INFO may hold once decoded (RFC 3875 §4.1.5 lets a server restrict it): an encoded slash
# would become a separator, and a control character or "\" has fooled many a script.
_NEVER_IN_INFO = re.compile(r"[\x00-\x1f\x7f/\\]")
_MOST_KNOWN = 256  # scripts
_PYTHON = (".py", ".pyw")


class NoScript(Exception):
    """The path leads to nothing that is run. `status`: 400 malformed, 404 nothing there, 403 a file that is not to
    be run: its content is never shown either."""

    def __init__(self, status: int = 404) -> None:
        super().__init__(status)
        self.status = status


class Script(NamedTuple):
    """What is to be run. `command` is its argument vector: the path, or an interpreter with the path behind it. `name`
    and `info` are SCRIPT_NAME and PATH_INFO, decoded; `info` is "" or begins with a slash. `environment`: variables of
    this run alone, in place of what the request says."""

    path: str
    command: tuple[str, ...]
    name: str
    info: str
    environment: Mapping[str, str] = MappingProxyType({})


def find_script(root: str, prefix: str, raw_path: str, settings: CGISettings) -> Script:
    """The script under the folder `root` that `raw_path`, still encoded and without the mount's `prefix`, names.

    Raises `NoScript`. Asks the file system once for each segment up to the script.
    """
    if not raw_path.startswith("/") or not is_well_formed_path(raw_path):
        raise NoScript(404 if not raw_path else 400)
    segments, names, path = raw_path[1:].split("/"), [decode_segment(prefix)], root
    for place, segment in enumerate(segments):
        name = decode_segment(segment)
        if not is_plain_name(name) or name.startswith("."):
            raise NoScript
        names.append(name)
        path = os.path.join(path, name)
        if _is_file(path, settings.follow_symlinks):
            info = path_info(segments[place + 1 :])
            return Script(path, command_of(path, settings), "/".join(names), info)
    raise NoScript  # a folder


class KnownScripts:
    """What `find_script` has found under one root, believed as long as it is the same file: one look at it instead of
    the walk and of what the system has to say about running it. Safe to use from several threads.

    Only of scripts that lie in the root itself and have no PATH_INFO: of no other one could nothing else have changed.
    """

    __slots__ = ("_known", "_root", "_settings")

    def __init__(self, root: str, settings: CGISettings) -> None:
        self._root = root
        self._settings = settings
        self._known: dict[tuple[str, str], tuple[Script, tuple[int, ...]]] = {}

    def find(self, prefix: str, raw_path: str) -> Script:
        """As `find_script`."""
        known = self._known.get((prefix, raw_path))
        if known is not None:
            script, seen = known
            if self._look(script.path) == seen:
                return script
        script = find_script(self._root, prefix, raw_path, self._settings)
        seen = self._look(script.path)
        if seen and not script.info and os.path.dirname(script.path) == self._root:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[prefix, raw_path] = script, seen
        return script

    def _look(self, path: str) -> tuple[int, ...]:
        """Which file it is, and when its inode was last changed, as by whoever changes who may run it; () for none."""
        try:
            found = os.stat(path, follow_symlinks=self._settings.follow_symlinks)
        except OSError:
            return ()
        return found.st_ino, found.st_dev, found.st_mode, found.st_ctime_ns


def path_info(segments: Sequence[str]) -> str:
    """Encoded segments as a PATH_INFO: "" for none. Raises `NoScript` for what could be read in two ways."""
    decoded = [decode_segment(segment) for segment in segments]
    if any(name in (".", "..") or _NEVER_IN_INFO.search(name) for name in decoded):
        raise NoScript
    return "".join("/" + name for name in decoded)


def command_of(path: str, settings: CGISettings) -> tuple[str, ...]:
    """How the file at `path` is run. Raises `NoScript` (403) where it is not."""
    suffix = os.path.splitext(path)[1]
    chosen = settings.interpreters.get(suffix)
    if chosen is not None:
        return (*chosen, path)
    if os.access(path, os.X_OK):
        return (path,)
    if suffix in _PYTHON and os.access(path, os.R_OK):
        return python_command(path)
    raise NoScript(403)


def python_command(path: str) -> tuple[str, ...]:
    """Our own interpreter with the script; -u, since what a script has printed is wanted when it prints it."""
    return (sys.executable, "-u", path)


def is_python(path: str) -> bool:
    """By its name."""
    return path.endswith(_PYTHON)


def _is_file(path: str, follow: bool) -> bool:
    """Whether there is a file at `path`, rather than a folder. Raises `NoScript` where there is neither."""
    try:
        mode = os.stat(path, follow_symlinks=follow).st_mode
    except (OSError, ValueError):  # ValueError: a lone surrogate that stands for no byte
        raise NoScript from None
    if stat.S_ISREG(mode):
        return True
    if stat.S_ISDIR(mode):
        return False
    raise NoScript  # a link that is not followed, a FIFO, a device

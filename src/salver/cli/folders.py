"""What the folder's options come to: a `Folder`, or a `SingleFile` where the path is one.

Whether the path can be served is looked at here, once, while there is somebody to tell; the handler itself takes
every folder, and answers 404 until it is there.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace

from salver.cli.arguments import FolderOptions
from salver.cli.errors import UsageError, printable, reason_of
from salver.files import Folder, FolderSettings, SingleFile
from salver.handler import Handler
from salver.protocol.errors import LocalProtocolError

_USUAL = ("cgi-bin", "htbin")  # where http.server runs scripts


def folder_handler(options: FolderOptions) -> Handler:
    """The handler for what `options` name. Raises `UsageError` where that is not there, may not be read, or is
    neither a file nor a folder."""
    settings = folder_settings(options)
    if _is_folder(options.path):
        folder = Folder(options.path, settings)
        return folder if not options.cgi else _with_scripts(folder, options)
    for given, name in ((options.spa, "--spa"), (bool(options.index), "--index"), (bool(options.cgi), "--cgi")):
        if given:
            raise UsageError(f"{name} is for folders, and {printable(options.path)} is a file; leave it out")
    return SingleFile(options.path, settings)


def script_folders(options: FolderOptions) -> dict[str, str]:
    """The folders of scripts, by the path of the site that each is at: its own within the folder that is served, else
    its name. Raises `UsageError` where one is not there."""
    found: dict[str, str] = {}
    for given in options.cgi:
        if given:
            path, folder = _script_folder(given, options.path)
            found[path] = folder
            continue
        usual = {"/" + name: os.path.join(options.path, name) for name in _USUAL}
        there = {path: folder for path, folder in usual.items() if os.path.isdir(folder)}
        if not there:
            where = printable(options.path)
            raise UsageError(f"{where} has neither {' nor '.join(_USUAL)}; name the folder of the scripts: --cgi DIR")
        found.update(there)
    return found


def _script_folder(given: str, root: str) -> tuple[str, str]:
    """A folder as given, within the one that is served or else as a path, and where it is on the site."""
    folder = next((each for each in (os.path.join(root, given), given) if os.path.isdir(each)), None)
    if folder is None:
        raise UsageError(f"there is no folder {printable(given)} for --cgi; give the path of one")
    if os.path.samefile(folder, root):
        raise UsageError("--cgi is for a folder within the one that is served, or beside it, not for all of it")
    for resolved in (os.path.abspath, os.path.realpath):
        inside = os.path.relpath(resolved(folder), resolved(root))
        if inside.split(os.sep)[0] != os.pardir:
            return "/" + inside, folder
    return "/" + os.path.basename(os.path.abspath(folder)), folder


def _with_scripts(folder: Folder, options: FolderOptions) -> Handler:
    from salver.gateway import CGISettings, CGISite

    settings = CGISettings(document_root=os.path.abspath(options.path), follow_symlinks=options.follow_symlinks)
    if options.cgi_body is not None:
        settings = replace(settings, max_body=options.cgi_body)
    try:
        return CGISite(folder, script_folders(options), settings)
    except ValueError as error:
        raise UsageError(f"--cgi: {printable(error)}; give the folder another name") from None


def folder_settings(options: FolderOptions) -> FolderSettings:
    """The options in the folder's own words. Raises `UsageError` for what it does not take."""
    default = FolderSettings()
    try:
        return FolderSettings(
            index=options.index or default.index,
            listing=default.listing if options.listing else None,
            hidden=options.hidden,
            follow_symlinks=options.follow_symlinks,
            compress=options.compress,
            cache_seconds=options.cache,
            spa=options.spa,
            cors=options.cors,
            extra_headers=options.headers,
        )
    except (ValueError, LocalProtocolError) as error:
        raise UsageError(f"{printable(error)}; leave it out") from None


def _is_folder(path: str) -> bool:
    shown = printable(path)
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            _try_folder(path)
            return True
        if stat.S_ISREG(mode):
            os.close(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)))
            return False
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"there is no folder or file {shown}; give the path of one") from None
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {reason_of(error)}; give another folder, or the right to it") from None
    except ValueError:  # a NUL, or what the system's encoding has not
        raise UsageError(f"{shown} is a path that no file can have; give another") from None
    raise UsageError(f"{shown} is neither a folder nor a file; give the path of one")


def _try_folder(path: str) -> None:
    """Without the right to search it, nothing in it could be opened; the right to read it is for listings alone."""
    os.stat(os.path.join(path, "."))

"""What the folder's options come to: a `Folder`, or a `SingleFile` where the path is one.

Whether the path can be served is looked at here, once, while there is somebody to tell; the handler itself takes
every folder, and answers 404 until it is there.
"""

from __future__ import annotations

import os
import stat

from salver.cli.arguments import FolderOptions
from salver.cli.errors import UsageError, printable, reason_of
from salver.files import Folder, FolderSettings, SingleFile
from salver.handler import Handler
from salver.protocol.errors import LocalProtocolError


def folder_handler(options: FolderOptions) -> Handler:
    """The handler for what `options` name. Raises `UsageError` where that is not there, may not be read, or is
    neither a file nor a folder."""
    settings = folder_settings(options)
    if _is_folder(options.path):
        return Folder(options.path, settings)
    for given, name in ((options.spa, "--spa"), (bool(options.index), "--index")):
        if given:
            raise UsageError(f"{name} is for folders, and {printable(options.path)} is a file; leave it out")
    return SingleFile(options.path, settings)


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
    except ValueError as error:  # NUL
        raise UsageError(f"{shown} is no path: {error}") from None
    raise UsageError(f"{shown} is neither a folder nor a file; give the path of one")


def _try_folder(path: str) -> None:
    """Without the right to search it, nothing in it could be opened; the right to read it is for listings alone."""
    os.stat(os.path.join(path, "."))

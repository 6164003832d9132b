"""`module:attribute` as a handler, whatever interface it is written for. The module's own mistakes keep their
traceback, which is what its author needs; everything else is one line."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from salver.cli.errors import AlreadySaid, UsageError, printable, quoted
from salver.handler import Handler


@dataclass(frozen=True, slots=True)
class Loading:
    """What `salver run` is to serve: the callable that `target` names, written for `interface` ("auto" finds out).

    `max_body`: bytes that a request's body may have, where that was said; `workers`: processes that serve it.
    """

    target: str
    interface: str = "auto"
    max_body: int | None = None
    workers: int = 1

    def load(self) -> Handler:
        """The handler, its module imported with the current folder first on the path.

        Raises `UsageError` where there is none; where the module itself fails, after printing its traceback.
        """
        return self._adapt(find(self.target))

    def try_out(self) -> None:
        """`load` in a child process, for the errors alone. Raises `AlreadySaid` where it failed."""
        sys.stderr.flush()
        child = os.fork()
        if not child:
            status = 1
            try:
                self.load()
                status = 0
            except UsageError as error:
                sys.stderr.write(f"salver: {error}\n")
            finally:
                sys.stderr.flush()
                os._exit(status)
        if os.waitpid(child, 0)[1]:
            raise AlreadySaid

    def _adapt(self, found: Any) -> Handler:
        from salver.adapting import as_any_handler

        if isinstance(found, type):
            _check_class(found, self.target)
        elif self.interface == "auto":
            _check_interface(found, self.target)
        settings: dict[str, Any] = {"multiprocess": self.workers > 1}
        if self.max_body is not None:
            settings["max_body"] = self.max_body
        try:
            return as_any_handler(found, self.interface, **settings)
        except TypeError as error:
            raise UsageError(printable(error)) from None


def _check_class(found: type, target: str) -> None:
    from salver.classes.http_handler import BaseHTTPRequestHandler

    if not issubclass(found, BaseHTTPRequestHandler):
        raise UsageError(f"{target} is a class; give a function, or an object that can be called")


def _check_interface(found: Callable[..., Any], target: str) -> None:
    from salver.gateway.interfaces import interface_of, not_served

    interface = interface_of(found)
    if not_served(interface):
        hint = "; say which with --interface" if interface == "unknown" else ""
        raise UsageError(f"{printable(target)} {not_served(interface)}{hint}")


def find(target: str) -> Callable[..., Any]:
    """The callable at `target`, module:attribute. Raises `UsageError`."""
    module_name, attribute = split(target)
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)
    found: object = _module(module_name)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise UsageError(f"the module {module_name} has no {printable(attribute)}{_others(found)}") from None
    if not callable(found):
        raise UsageError(f"{target} is a {type(found).__name__}, which cannot be called; give a function of a request")
    return found


def split(target: str) -> tuple[str, str]:
    """The module's name and the attribute's. Raises `UsageError`."""
    module_name, colon, attribute = target.partition(":")
    if not colon or not module_name or not attribute:
        raise UsageError(f"{quoted(target)} does not name a handler; write module:attribute, like shop.app:handler")
    if module_name.endswith(".py"):
        folder, _, name = module_name.removesuffix(".py").removeprefix("./").rpartition("/")
        name = name if folder.startswith(("/", "..")) else f"{folder}/{name}".strip("/").replace("/", ".")
        where = f", in the folder {printable(folder)}" if folder.startswith(("/", "..")) else ""
        raise UsageError(
            f"{quoted(target)} names a file; name its module: {printable(name)}:{printable(attribute)}{where}"
        )
    return module_name, attribute


def _module(name: str) -> ModuleType:
    if name.startswith("."):  # "..", ".app": relative to nothing
        raise UsageError(f"{quoted(name)} is a relative module name; write it in full")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # The missing module may be this one, or one that it needs, which is the module's own mistake.
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise UsageError(f"there is no module {printable(error.name)} here; is this its folder?") from None
        _print_traceback(error)
    except SystemExit as error:
        said = f": {error}" if isinstance(error.code, str) else ""
        raise UsageError(f"the module {name} ends the program while it is imported{said}") from None
    except Exception as error:
        _print_traceback(error)
    raise UsageError(f"the module {name} cannot be imported; see above why")


def _print_traceback(error: BaseException) -> None:
    """Without the frames of this file and of the import system, which tell its author nothing."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if not _is_ours(each.filename)]
    sys.stderr.write("".join(["Traceback (most recent call last):\n", *traceback.format_list(frames)]))
    sys.stderr.write("".join(traceback.format_exception_only(error)))


def _is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib") or filename == importlib.__file__


def _others(owner: object) -> str:
    """A hint: what the module defines that could be meant."""
    if not isinstance(owner, ModuleType):
        return ""
    names = [name for name, value in vars(owner).items() if _could_be_meant(owner, name, value)]
    return f"; it has {', '.join(names[:5])}" if names else ""


def _could_be_meant(owner: ModuleType, name: str, value: object) -> bool:
    if name.startswith("_") or not callable(value) or isinstance(value, type):
        return False
    return getattr(value, "__module__", None) == owner.__name__

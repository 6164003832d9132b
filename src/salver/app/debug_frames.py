"""What was raised, as values to be shown: each exception with its frames, the lines around, and the variables.

A traceback is read by people, and may be copied into a chat or shown to a class: what looks like a secret by its name
is left out, wherever the name stands (a variable, a key, an attribute in a repr, a field). That is a help and no
promise. Values are shown short, and one whose repr raises does no harm. This file makes no page.
"""

from __future__ import annotations

import linecache
import os
import reprlib
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

from salver.semantics.masking import MASK, is_secret_name, without_secrets

_AROUND = 5  # lines before and after the one that ran
_FRAMES = 60  # of one exception; of a longer chain of calls, the beginning and the end
_CHAIN = 10  # exceptions that led to one another
_VARIABLES = 60


@dataclass(frozen=True, slots=True)
class Line:
    """A line of source: its number, its text without the newline, whether it is the one that ran."""

    number: int
    text: str
    ran: bool


@dataclass(frozen=True, slots=True)
class Frame:
    """One call. `is_own`: it is the author's code, and not a library's. `variables`: names and values as text."""

    file: str
    line: int
    function: str
    source: tuple[Line, ...]
    variables: tuple[tuple[str, str], ...]
    is_own: bool


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception: how it came about ("" for the one that was raised last), and its frames, the outermost first."""

    kind: str
    message: str
    relation: str
    frames: tuple[Frame, ...]
    left_out: int


def raised_by(error: BaseException) -> list[Raised]:
    """`error`, and what led to it, the last one first."""
    found: list[Raised] = []
    seen: set[int] = set()
    relation = ""
    following: BaseException | None = error
    while following is not None and id(following) not in seen and len(found) < _CHAIN:
        seen.add(id(following))
        found.append(_raised(following, relation))
        relation, following = _led_to(following)
    return found


def _led_to(error: BaseException) -> tuple[str, BaseException | None]:
    if error.__cause__ is not None:
        return "It was caused by", error.__cause__
    if error.__suppress_context__:
        return "", None
    return "It was raised while handling", error.__context__


def _raised(error: BaseException, relation: str) -> Raised:
    frames = list(traceback.walk_tb(error.__traceback__))
    left_out = max(0, len(frames) - _FRAMES)
    if left_out:
        frames = frames[: _FRAMES // 2] + frames[-_FRAMES // 2 :]
    shown = "".join(traceback.TracebackException.from_exception(error, limit=0, compact=True).format_exception_only())
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    message = without_secrets(shown.rstrip("\n")).removeprefix(kind).removeprefix(": ")
    return Raised(kind, message, relation, tuple(_frame(*each) for each in frames), left_out)


def _frame(frame: FrameType, line: int) -> Frame:
    code = frame.f_code
    return Frame(
        shown_path(code.co_filename),
        line,
        code.co_qualname,
        tuple(_source(frame, line)),
        tuple(_variables(frame)),
        _is_own(code.co_filename),
    )


def _source(frame: FrameType, line: int) -> Iterator[Line]:
    linecache.lazycache(frame.f_code.co_filename, frame.f_globals)
    lines = linecache.getlines(frame.f_code.co_filename, frame.f_globals)
    for number in range(max(1, line - _AROUND), min(len(lines), line + _AROUND) + 1):
        text = lines[number - 1].rstrip("\r\n").expandtabs(4)
        yield Line(number, without_secrets(text, bare=False)[:500], number == line)


def _variables(frame: FrameType) -> Iterator[tuple[str, str]]:
    variables = frame.f_locals
    if variables is frame.f_globals:  # a module's own are many, and not about this call
        return
    for name in list(variables)[:_VARIABLES]:
        if not name.startswith("__"):
            yield name, shown_value(name, variables[name])


def shown_path(path: str) -> str:
    """A file's path from the working folder, where it is under it."""
    return path.removeprefix(os.getcwd() + os.sep)


def _is_own(path: str) -> bool:
    if "site-packages" in path or path.startswith(("<", sysconfig.get_paths()["stdlib"])):
        return False
    ours = sys.modules["salver"].__file__ or ""
    return not path.startswith(os.path.dirname(ours) + os.sep)


def shown_value(name: str, value: object) -> str:
    """A value as a short text, without what looks like a secret."""
    if is_secret_name(name):
        return MASK
    return without_secrets(_Short().repr(value))


class _Short(reprlib.Repr):
    """reprs of bounded length; of what is large, only a beginning is ever written out."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxstring = self.maxother = 400
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 20

    def repr_instance(self, x: Any, level: int) -> str:
        try:
            text = repr(x)
        except Exception as error:  # its author's, and not the one that is looked for
            return f"<{type(x).__name__}, whose repr raises {type(error).__name__}>"
        return text if len(text) <= self.maxother else text[: self.maxother] + "…"

    def repr_bytes(self, x: bytes, level: int) -> str:
        shown = repr(bytes(x[: self.maxstring]))
        return shown if len(x) <= self.maxstring else f"{shown}… ({len(x)} bytes)"

    def repr_bytearray(self, x: bytearray, level: int) -> str:
        return f"bytearray({self.repr_bytes(x, level)})"  # type: ignore[arg-type]

"""Do the documents still hold? Links, tests named, commands shown and Python shown, in every Markdown file of the tree.

What a document says in prose is for readers to judge; what it says in a form that a program can check is checked here.
Prints one line for each thing that does not hold and exits with 1 where there are any.
"""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_TEST = re.compile(r"\btests/[\w./-]+\.\w+(?:::\w+)*")
_MAKE = re.compile(r"(?:^|`|\n)make ((?:[a-z][a-z-]* ?)+)")
_COMMAND = re.compile(r"^(?:\$ )?(?:\S*/)?(?:salver|python3? -m salver)(?: |$)(.*)$")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*(?![\w…-])")


def main() -> int:
    """Check every document; returns the exit code."""
    documents = _documents()
    problems = [
        f"{path.relative_to(ROOT)}: {problem}" for path in documents for check in CHECKS for problem in check(path)
    ]
    print("\n".join(problems) if problems else f"{len(documents)} documents hold")
    return 1 if problems else 0


def _documents() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split("\n")  # fmt: skip
    names = [name for name in listed if name] or ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
    return sorted(ROOT / name for name in names if (ROOT / name).exists())


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _anchors(path: Path) -> frozenset[str]:
    headings = _HEADING.findall(_FENCE.sub("", _text(path)))
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def links(path: Path) -> Iterator[str]:
    """A relative link leads to a file of the tree, and to a heading that is there."""
    for groups in _LINK.findall(_FENCE.sub("", _text(path))):
        target = unquote(groups[0] or groups[1])
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if not there.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and there.suffix == ".md" and anchor not in _anchors(there):
            yield f"the link {target}: no such heading"


def tests_named(path: Path) -> Iterator[str]:
    """A test that is named as evidence exists."""
    for named in sorted(set(_TEST.findall(_text(path)))):
        name, *members = named.split("::")
        file = ROOT / name
        if not file.exists():
            yield f"{name} does not exist"
            continue
        for member in members:
            if not re.search(
                rf"^\s*(?:async )?(?:def|class) {member}\b", file.read_text(encoding="utf-8"), re.MULTILINE
            ):
                yield f"{name} has no {member}"


def commands(path: Path) -> Iterator[str]:
    """The options of a `salver` command exist, and so do the targets of a `make` command."""
    text = _text(path)
    shown = [
        line.strip() for language, body in _FENCE.findall(text) if language != "python" for line in body.split("\n")
    ]
    for line in [*shown, *_CODE.findall(_FENCE.sub("", text))]:
        matched = _COMMAND.match(line)
        unknown = set(_OPTION.findall(matched[1])) - _options() if matched else set()
        yield from (f"salver has no option {option}" for option in sorted(unknown))
        for targets in _MAKE.findall(line):
            yield from (f"there is no make {target}" for target in targets.split() if target not in _targets())


@cache
def _options() -> frozenset[str]:
    found: set[str] = set()
    for arguments in ([], ["run"], ["accounts"], ["get"]):
        command = [sys.executable, "-m", "salver", *arguments, "--help"]
        found.update(_OPTION.findall(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    return frozenset(found)


@cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def python(path: Path) -> Iterator[str]:
    """Python that is shown compiles; a session (>>>) gives what it shows."""
    for language, body in _FENCE.findall(_text(path)):
        if language not in {"python", "py", "pycon"}:
            continue
        if ">>>" in body:
            yield from _session(path, body)
            continue
        try:
            compile(body, str(path), "exec")
        except SyntaxError as error:
            yield f"Python that does not compile: {error.msg}: {(error.text or '').strip()}"


def _session(path: Path, body: str) -> Iterator[str]:
    said: list[str] = []
    case = doctest.DocTestParser().get_doctest(body, {}, path.name, str(path), 0)
    if doctest.DocTestRunner().run(case, out=said.append).failed:
        yield "a session gives something else: " + " ".join("".join(said).split())


CHECKS: tuple[Callable[[Path], Iterator[str]], ...] = (links, tests_named, commands, python)

if __name__ == "__main__":
    sys.exit(main())

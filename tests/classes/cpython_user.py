"""CPython's own tests as somebody who is not root: some of them (CGI's; files that may not be read) skip for root, or
mean nothing. An interpreter and a tree that this somebody may not read are copied for the occasion.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OURS = ("src/salver", "tests/__init__.py", "tests/classes/__init__.py", "tests/classes/cpython.py")
_LISTED = "tests/classes/expected_failures.txt"
_TESTS = {"__init__.py", "support", "certdata", "test_httpservers.py", "test_socketserver.py"}  # of all in `test`
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "site-packages", "config-*", "ensurepip", "idlelib", "lib2to3", "tkinter", "turtledemo", "*.a"
)


def run_as_nobody(arguments: list[str]) -> int:
    """Run `tests.classes.cpython` with `arguments` as the user nobody; its exit status. For root."""
    entry = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="salver-cpython-") as folder:
        there = Path(folder)
        there.chmod(0o755)
        here = there / "here"  # some tests write where they are
        here.mkdir()
        os.chown(here, entry.pw_uid, entry.pw_gid)
        tree = ROOT if _may_read(ROOT / _LISTED) else _copy_tree(there / "tree")
        python, libraries = _interpreter(there / "python")
        environment = {"PATH": os.defpath, "PYTHONPATH": f"{tree / 'src'}:{tree}", "PYTHONDONTWRITEBYTECODE": "1"}
        if libraries:
            environment["LD_LIBRARY_PATH"] = libraries
        done = subprocess.run(
            [python, "-m", "tests.classes.cpython", *arguments],
            cwd=here,
            env=environment,
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[],
            check=False,
        )
        return done.returncode


def _interpreter(target: Path) -> tuple[str, str]:
    """One that nobody may run, and where its libraries are, if that has to be said."""
    own = Path(os.path.realpath(sys.executable))
    if _may_read(own) and _may_read(Path(os.__file__)):
        return str(own), ""
    library = Path(os.__file__).parent
    (target / "bin").mkdir(parents=True)
    shutil.copy(own, target / "bin" / own.name)
    shutil.copytree(library, target / "lib" / library.name, ignore=_ignored)
    for shared in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        shutil.copy(shared, target / "lib" / shared.name)
    return str(target / "bin" / own.name), str(target / "lib")


def _ignored(folder: str, names: list[str]) -> set[str]:
    if os.path.basename(folder) == "test":
        return set(names) - _TESTS
    return _LEFT_OUT(folder, names)


def _copy_tree(target: Path) -> Path:
    for name in (*_OURS, _LISTED):
        source, there = ROOT / name, target / name
        there.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, there, ignore=_LEFT_OUT)
        elif source.exists():
            shutil.copy(source, there)
    return target


def _may_read(path: Path) -> bool:
    """Whether everybody may: nobody belongs to no group."""
    folders = all(folder.stat().st_mode & 0o001 for folder in path.parents)
    return folders and bool(path.stat().st_mode & 0o004)

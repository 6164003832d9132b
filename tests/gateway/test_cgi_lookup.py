"""Which script a path names: one reading of it, and no other way to the same script."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from salver.gateway import cgi_lookup
from salver.gateway.cgi_lookup import KnownScripts, NoScript, Script, find_script
from salver.gateway.cgi_settings import CGISettings
from tests.gateway.support import script


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "cgi"
    script(folder, "run", "")
    script(folder, "sub/deep/x.sh", "")
    script(folder, "plain.py", "", 0o644)
    script(folder, "own.py", "#!/usr/bin/env python3\n")
    script(folder, "page.php", "#!", 0o644)
    script(folder, "data.txt", "secret", 0o644)
    script(folder, ".hidden", "")
    script(tmp_path, "outside", "")
    (folder / "link").symlink_to("run")
    (folder / "out").symlink_to(tmp_path / "outside")
    (folder / "away").symlink_to(tmp_path)
    os.mkfifo(folder / "fifo")
    return folder


def find(root: Path, path: str, prefix: str = "/cgi-bin", **settings) -> Script:
    return find_script(str(root), prefix, path, CGISettings(**settings))


@pytest.mark.parametrize(
    ("path", "name", "info"),
    [
        ("/run", "/cgi-bin/run", ""),
        ("/run/", "/cgi-bin/run", "/"),
        ("/run/a/b", "/cgi-bin/run", "/a/b"),
        ("/run//a", "/cgi-bin/run", "//a"),
        ("/run/a%20b/%C3%A9", "/cgi-bin/run", "/a b/é"),
        ("/run/%ff", "/cgi-bin/run", "/\udcff"),
        ("/run/a%252e", "/cgi-bin/run", "/a%2e"),
        ("/%72un", "/cgi-bin/run", ""),
        ("/sub/deep/x.sh/y", "/cgi-bin/sub/deep/x.sh", "/y"),
    ],
)
def test_the_first_file_is_the_script_and_the_rest_is_its_own(root: Path, path: str, name: str, info: str) -> None:
    found = find(root, path)
    assert (found.name, found.info) == (name, info)
    assert found.command == (found.path,) and found.path.startswith(str(root))


@pytest.mark.parametrize(
    "path",
    ["", "/", "/sub", "/sub/", "/sub/deep", "/none", "/none/run", "//run", "/./run", "/sub/../run", "/../outside",
     "/%2e%2e/outside", "/..%2foutside", "/%2frun", "/sub%2fdeep/x.sh", "/sub%5cdeep", "/.hidden", "/%2ehidden",
     "/run.", "/run%20", "/run%00", "/run%00.txt", "/run::$DATA", "/fifo", "/link", "/out", "/away/outside", "/CON",
     "/run/../run", "/run/%2e%2e/x", "/run/a%2fb", "/run/a%5cb", "/run/%00", "/run/%0d%0aX", "/" + "a" * 300,
     "/" * 2_500, "/a" * 2_500, "/%ff"],
)  # fmt: skip
def test_what_is_not_there(root: Path, path: str) -> None:
    with pytest.raises(NoScript) as caught:
        find(root, path)
    assert caught.value.status == 404


@pytest.mark.parametrize("path", ["/%", "/%zz", "/run/%", "run", "/r un"])
def test_what_is_malformed(root: Path, path: str) -> None:
    with pytest.raises(NoScript) as caught:
        find(root, path)
    assert caught.value.status == 400


@pytest.mark.parametrize("path", ["/data.txt", "/data.txt/more", "/page.php"])
def test_what_is_not_run_is_not_shown(root: Path, path: str) -> None:
    with pytest.raises(NoScript) as caught:
        find(root, path)
    assert caught.value.status == 403


def test_links_only_where_they_are_wanted(root: Path) -> None:
    for path in ("/link", "/out", "/away/outside"):
        assert find(root, path, follow_symlinks=True).path == str(root) + path


def test_python_without_a_run_bit_has_our_interpreter(root: Path) -> None:
    assert find(root, "/plain.py").command == (sys.executable, "-u", str(root / "plain.py"))
    assert find(root, "/own.py").command == (str(root / "own.py"),)


def test_interpreters_by_suffix(root: Path) -> None:
    found = find(root, "/page.php/x", interpreters={".php": ["/usr/bin/php-cgi", "-q"]})
    assert found.command == ("/usr/bin/php-cgi", "-q", str(root / "page.php")) and found.info == "/x"


def known(root: Path, **settings: Any) -> KnownScripts:
    return KnownScripts(str(root), CGISettings(**settings))


def test_what_is_known_is_not_looked_for_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = known(root)
    first = scripts.find("/cgi-bin", "/run")
    with monkeypatch.context() as patched:
        patched.setattr(cgi_lookup, "find_script", lambda *_: pytest.fail("looked for again"))
        assert scripts.find("/cgi-bin", "/run") is first
    assert scripts.find("/other", "/run").name == "/other/run"


@pytest.mark.parametrize("change", ["gone", "not to be run", "a folder", "a link", "replaced"])
def test_what_is_known_is_believed_only_as_long_as_it_is_the_same(root: Path, change: str) -> None:
    scripts, path = known(root), root / "run"
    scripts.find("", "/run")
    if change == "not to be run":
        path.chmod(0o644)
    else:
        path.rename(root / "before")
    if change == "a folder":
        path.mkdir()
    elif change == "a link":
        path.symlink_to(root / "before")
    elif change == "replaced":
        path.write_text("#!/bin/sh\n")
    with pytest.raises(NoScript) as caught:
        scripts.find("", "/run")
    assert caught.value.status == (403 if change in ("not to be run", "replaced") else 404)


@pytest.mark.parametrize("path", ["/sub/deep/x.sh", "/run/info"])
def test_what_lies_deeper_or_has_more_to_say_is_looked_for(root: Path, path: str) -> None:
    scripts = known(root)
    scripts.find("", path)
    assert not scripts._known


def test_what_is_known_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgi_lookup, "_MOST_KNOWN", 2)
    scripts = known(root)
    for prefix in "abc":
        scripts.find("/" + prefix, "/run")
    assert list(scripts._known) == [("/c", "/run")]

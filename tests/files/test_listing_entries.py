"""Which entries there are, and in which order."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.files.listing_entries import Entry, View, arrange, link_to, name_key, read_folder, shown, view_of


def read(folder: Path, hidden: bool = False) -> list[str]:
    fd = os.open(folder, os.O_RDONLY)
    try:
        return sorted(entry.name for entry in read_folder(fd, hidden=hidden, follow=None))
    finally:
        os.close(fd)


def test_dotfiles_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".env").touch()
    (tmp_path / "seen").touch()
    assert read(tmp_path) == ["seen"]
    assert read(tmp_path, hidden=True) == [".env", ".git", "seen"]


def test_what_is_never_served_is_never_listed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("back\\slash", "new\nline", "NUL", "trailing.", "stream::$DATA", "fine"):
            (tmp_path / name).touch()
        assert read(tmp_path) == ["fine"]


def test_an_entry_that_goes_meanwhile_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        name = "gone"

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            raise FileNotFoundError

    class Found(list[Gone]):
        def __enter__(self) -> Found:
            return self

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(os, "scandir", lambda _: Found([Gone()]))
    assert read(tmp_path) == []


def test_a_link_to_what_is_neither_file_nor_folder_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    fd = os.open(tmp_path, os.O_RDONLY)
    entries = read_folder(fd, hidden=False, follow=lambda name: (tmp_path / name).stat())
    os.close(fd)
    assert entries == []


@pytest.mark.parametrize(
    ("query", "view"),
    [
        ("", View()),
        ("sort=size", View("size", True)),
        ("sort=date&order=asc", View("date", False)),
        ("order=desc", View("name", True)),
        ("sort=&order=&filter=", View()),
        ("filter=++a+b++", View(filter="a b")),
        ("filter=" + "x" * 1000, View(filter="x" * 200)),
        ("filter=%ff", View(filter="\ufffd")),
        ("filter=%00", View(filter="\0")),
        ("sort=size&" + "&" * 5000, View()),
    ],
)
def test_view_of(query: str, view: View) -> None:
    assert view_of(query) == view


@given(st.text())
def test_every_query_is_a_view(query: str) -> None:
    view = view_of(query)
    assert view.sort in ("name", "size", "date")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a9", "a10"),
        ("File2", "file10"),
        ("a", "a1"),
        ("1", "a"),
        ("2.txt", "10.txt"),
        ("a 2 b", "a 2 c"),
        ("a01", "a1"),
    ],
)
def test_name_order(first: str, second: str) -> None:
    assert name_key(first) < name_key(second)


@given(st.lists(st.text(alphabet="aAé0129²٣._\udcff", max_size=8), max_size=20))
def test_any_names_can_be_compared(names: list[str]) -> None:
    ordered = sorted(names, key=name_key)
    backwards = names[::-1]
    backwards.sort(key=name_key)
    assert backwards == ordered


def test_equal_sizes_stand_by_name_whichever_way_the_size_goes() -> None:
    entries = [Entry("b", False, 1, 0), Entry("a", False, 1, 0), Entry("c", False, 2, 0)]
    assert [entry.name for entry in arrange(entries, View("size", True))] == ["c", "a", "b"]
    assert [entry.name for entry in arrange(entries, View("size", False))] == ["a", "b", "c"]


def test_a_filter_knows_no_case_and_no_composition() -> None:
    entries = [Entry(name, False, 0, 0) for name in ("Cafe\u0301.txt", "STRASSE", "other")]
    assert [entry.name for entry in arrange(entries, View(filter="CAFÉ"))] == ["Cafe\u0301.txt"]
    assert [entry.name for entry in arrange(entries, View(filter="straße"))] == ["STRASSE"]


def test_arrange_leaves_its_argument_alone() -> None:
    entries = [Entry("b", False, 1, 0), Entry("a", False, 1, 0)]
    arrange(entries, View())
    assert [entry.name for entry in entries] == ["b", "a"]


@pytest.mark.parametrize(
    ("name", "link"), [("a b.txt", "a%20b.txt"), ("a%20b", "a%2520b"), ("ü", "%C3%BC"), ("a?b#c", "a%3Fb%23c")]
)
def test_link_to(name: str, link: str) -> None:
    assert link_to(name, False) == link
    assert link_to(name, True) == link + "/"


def test_shown() -> None:
    assert shown("a\udce9b ü") == "a\ufffdb ü"

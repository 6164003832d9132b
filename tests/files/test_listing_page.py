"""The page's words, numbers and dates."""

from __future__ import annotations

import pytest

from salver.files import listing_page
from salver.files.listing_entries import Entry, View
from salver.files.listing_page import Place, human_size, page


def html(*entries: Entry) -> str:
    return b"".join(page(entries, Place("/", "root"), View())).decode()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_950, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (35_000_000, "35 MB"),
        (7_200_000_000, "7.2 GB"),
        (10**15, "1.0 PB"),
        (9 * 10**18, "9.0 EB"),
    ],
)
def test_human_size(size: int, text: str) -> None:
    assert human_size(size) == text


def test_a_date_is_utc_and_says_its_second_to_programs() -> None:
    assert "<time datetime=2026-03-14T09:26:53Z>2026-03-14 09:26</time>" in html(Entry("a", False, 1, 1_773_480_413))


@pytest.mark.parametrize("modified", [-62_135_596_801, 253_402_300_800, 2**62])
def test_a_date_outside_the_calendar_is_left_out(modified: int) -> None:
    assert "<data value=1>1 B</data><td role=cell>\n" in html(Entry("a", False, 1, modified))


@pytest.mark.parametrize(("modified", "text"), [(-1, "1969-12-31 23:59"), (-62_135_596_800, "0001-01-01 00:00")])
def test_dates_before_1970(modified: int, text: str) -> None:
    assert f">{text}</time>" in html(Entry("a", False, 1, modified))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.PNG", "i"), ("a.tar.gz", "z"), ("Makefile", "f"), ("py", "c"), ("a.py", "c"), ("a.weird", "f")],
)
def test_the_kind_is_by_the_suffix(name: str, kind: str) -> None:
    assert f'<tr class={kind} role=row><th scope=row role=rowheader><a href="{name}">' in html(Entry(name, False, 1, 0))


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([], ""),
        ([Entry("a", True, 0, 0)], "1 folder"),
        ([Entry("a", False, 5, 0)], "1 file, 5 B"),
        ([Entry("a", True, 0, 0), Entry("b", True, 0, 0), Entry("c", False, 600, 0), Entry("d", False, 600, 0)],
         "2 folders and 2 files, 1.2 kB"),
    ],
)  # fmt: skip
def test_the_count(entries: list[Entry], text: str) -> None:
    assert f"<p class=count aria-live=polite>{text}</p>" in html(*entries)


def test_a_page_is_whole_at_every_length(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [Entry(f"name {number}", False, number, number) for number in range(50)]
    whole = html(*entries)
    monkeypatch.setattr(listing_page, "PIECE", 300)
    pieces = list(page(entries, Place("/", "root"), View()))
    assert len(pieces) > 20
    assert b"".join(pieces).decode() == whole


def test_an_installation_without_the_assets_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing_page, "get_data", lambda *_: None)
    with pytest.raises(FileNotFoundError, match=r"installed without its nothing\.css"):
        listing_page._asset("nothing.css")

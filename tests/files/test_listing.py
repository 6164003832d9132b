"""The listing as a response: which kind, with which fields, in which pieces."""

from __future__ import annotations

import json
import os
import re
import time
from base64 import b64encode
from hashlib import sha256
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.files.listing import list_folder
from salver.protocol.heads import RequestHead, Section
from salver.request import ClientAddress, Request, Transmission
from salver.response import Response


class FakeExchange:
    client = ClientAddress("127.0.0.1", 5000)
    local = ClientAddress("127.0.0.1", 80)
    scheme = "http"

    def __init__(self) -> None:
        self.handed_over = 0

    def hand_over(self) -> bool:
        self.handed_over += 1
        return True

    def enter(self, site: object) -> None:
        pass

    def body_stream(self) -> BinaryIO:
        return BytesIO()

    def watch_client(self) -> None:
        return None

    def transmission(self) -> Transmission:
        raise NotImplementedError


def request(target: str = "/", accept: str | None = None, exchange: FakeExchange | None = None) -> Request:
    raw = (f"Accept: {accept}\r\n\r\n" if accept else "\r\n").encode()
    return Request(RequestHead("GET", target, Section(raw, 1)), exchange or FakeExchange())


def listing(folder: Path | bytes, target: str = "/", accept: str | None = None, **options: object) -> Response:
    fd = os.open(folder, os.O_RDONLY)
    try:
        return list_folder(request(target, accept), fd, **{"hidden": False, "title": "root", **options})  # type: ignore[arg-type]
    finally:
        os.close(fd)


def content(response: Response) -> str:
    body = response.body
    return (body if isinstance(body, bytes) else b"".join(body)).decode()  # type: ignore[arg-type]


def rows(page: str) -> list[tuple[str, str]]:
    """(link, text) of each entry."""
    body = page.partition("<tbody class=entries role=rowgroup>")[2].partition("</table>")[0]
    return [(link, unescape(text)) for link, text in re.findall(r'<a href="([^"]*)">([^<]*)', body)]


def names(page: str) -> list[str]:
    return [text for _, text in rows(page)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, size, modified in (("b.txt", 2000, 300), ("a10.txt", 10, 100), ("a9.txt", 30, 200)):
        (tmp_path / name).write_bytes(b"x" * size)
        os.utime(tmp_path / name, (modified, modified))
    (tmp_path / "zoo").mkdir()
    os.utime(tmp_path / "zoo", (50, 50))
    return tmp_path


def test_a_page_with_folders_first_and_numbers_by_value(folder: Path) -> None:
    response = listing(folder)
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.headers["Vary"] == "Accept"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert rows(content(response)) == [
        ("zoo/", "zoo"),
        ("a9.txt", "a9.txt"),
        ("a10.txt", "a10.txt"),
        ("b.txt", "b.txt"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?sort=name&order=desc", ["zoo", "b.txt", "a10.txt", "a9.txt"]),
        ("?sort=size", ["zoo", "b.txt", "a9.txt", "a10.txt"]),
        ("?sort=size&order=asc", ["zoo", "a10.txt", "a9.txt", "b.txt"]),
        ("?sort=date", ["zoo", "b.txt", "a9.txt", "a10.txt"]),
        ("?sort=date&order=asc", ["zoo", "a10.txt", "a9.txt", "b.txt"]),
        ("?sort=colour&order=sideways", ["zoo", "a9.txt", "a10.txt", "b.txt"]),
        ("?filter=A1", ["a10.txt"]),
        ("?filter=txt+a&sort=size", ["a9.txt", "a10.txt"]),
        ("?filter=%zz%ff", []),
        ("?" + "&".join("a=b" for _ in range(50)), ["zoo", "a9.txt", "a10.txt", "b.txt"]),
    ],
)
def test_the_query_sorts_and_filters(folder: Path, query: str, expected: list[str]) -> None:
    assert names(content(listing(folder, "/" + query))) == expected


def test_the_active_column_says_its_order_and_links_to_the_other(folder: Path) -> None:
    page = content(listing(folder, "/?sort=size"))
    assert (
        '<th scope=col role=columnheader data-column=size aria-sort=descending><a href="?sort=size&amp;order=asc">'
        in page
    )
    assert '<th scope=col role=columnheader data-column=name><a href="?sort=name&amp;order=asc">' in page
    assert '<th scope=col role=columnheader data-column=date><a href="?sort=date&amp;order=desc">' in page


def test_sorting_keeps_the_filter_and_filtering_keeps_the_order(folder: Path) -> None:
    page = content(listing(folder, "/?filter=a+%26&sort=date"))
    assert 'href="?sort=size&amp;order=desc&amp;filter=a+%26"' in page
    assert 'value="a &amp;"' in page
    assert "<input type=hidden name=sort value=date><input type=hidden name=order value=desc>" in page


def test_breadcrumbs_are_relative_and_decoded_once(folder: Path) -> None:
    page = content(listing(folder, "/My%20Docs/%2525/%3Cb%3E/"))
    assert '<li><a href="../../../">root</a><li><a href="../../">My Docs</a><li><a href="../">%25</a></ol>' in page
    assert "<h1>&lt;b&gt;</h1>" in page
    assert '<a href="../">Parent folder</a>' in page


def test_the_root_has_no_way_up(folder: Path) -> None:
    page = content(listing(folder))
    assert "<h1>root</h1>" in page
    assert "../" not in page
    assert "<nav" not in page.partition("</head>")[2]


def test_breadcrumbs_begin_behind_the_mount(folder: Path) -> None:
    mounted = request("/mount/sub/")
    mounted.prefix = "/mount"
    fd = os.open(folder, os.O_RDONLY)
    page = content(list_folder(mounted, fd, hidden=False, title="root"))
    os.close(fd)
    assert '<ol><li><a href="../">root</a></ol>' in page
    assert "<h1>sub</h1>" in page


def test_doubled_slashes_count_as_steps(folder: Path) -> None:
    page = content(listing(folder, "//a///b/"))
    assert '<li><a href="../../../../../">root</a><li><a href="../../../">a</a></ol>' in page


def test_names_are_escaped(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>\"'&.txt"
    (tmp_path / name).touch()
    page = content(listing(tmp_path))
    assert rows(page) == [("%3Cimg%20src=x%20onerror=alert(1)%3E%22%27%26.txt", name)]
    assert "<img" not in page


def test_a_colon_in_a_name_makes_no_scheme(tmp_path: Path) -> None:
    (tmp_path / "javascript:alert(1)").touch()
    assert rows(content(listing(tmp_path)))[0][0] == "javascript%3Aalert(1)"


def test_a_filter_is_escaped(folder: Path) -> None:
    page = content(listing(folder, "/?filter=%22%3E%3Cscript%3E"))
    assert 'value="&quot;&gt;&lt;script&gt;"' in page
    assert page.count("<script>") == 1


def test_odd_bytes_survive_in_links(tmp_path: Path) -> None:
    raw = b"caf\xe9 \xf0\x9f\x8d\xb5.txt"
    with open(os.path.join(os.fsencode(tmp_path), raw), "wb"):
        pass
    assert rows(content(listing(tmp_path))) == [("caf%E9%20%F0%9F%8D%B5.txt", "caf\ufffd 🍵.txt")]
    entry = json.loads(content(listing(tmp_path, accept="application/json")))["entries"][0]
    assert entry["name"] == "caf\ufffd 🍵.txt"
    assert entry["href"] == "caf%E9%20%F0%9F%8D%B5.txt"


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("text/html;q=0.5, application/json", "application/json"),
        ("text/html, application/json", "text/html; charset=utf-8"),
        ("text/plain", "text/html; charset=utf-8"),
    ],
)
def test_accept_chooses_the_kind(folder: Path, accept: str | None, kind: str) -> None:
    response = listing(folder, accept=accept)
    assert response.headers["Content-Type"] == kind
    assert response.headers["Vary"] == "Accept"


def test_json_says_the_same_as_the_page(folder: Path) -> None:
    told = json.loads(content(listing(folder, "/a%20b/?sort=size&filter=a", accept="application/json")))
    assert told == {
        "path": "/a b/",
        "entries": [
            {"name": "a9.txt", "href": "a9.txt", "type": "file", "size": 30, "modified": "1970-01-01T00:03:20Z"},
            {"name": "a10.txt", "href": "a10.txt", "type": "file", "size": 10, "modified": "1970-01-01T00:01:40Z"},
        ],
    }


def test_json_of_folders_and_of_nothing(tmp_path: Path) -> None:
    assert json.loads(content(listing(tmp_path, accept="application/json"))) == {"path": "/", "entries": []}
    (tmp_path / "sub").mkdir()
    os.utime(tmp_path / "sub", (0, 0))
    told = json.loads(content(listing(tmp_path, accept="application/json")))["entries"]
    assert told == [{"name": "sub", "href": "sub/", "type": "folder", "size": None, "modified": "1970-01-01T00:00:00Z"}]


def test_json_of_a_date_outside_the_calendar(folder: Path) -> None:
    (folder / "odd").symlink_to("b.txt")
    far = os.stat_result((0o100644, 1, 1, 1, 0, 0, 5, 0, 2**40, 0))
    told = json.loads(content(listing(folder, "/?filter=odd", "application/json", follow=lambda _: far)))["entries"]
    assert told == [{"name": "odd", "href": "odd", "type": "file", "size": 5, "modified": None}]


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    assert "<p class=none>This folder is empty.</p>" in content(listing(tmp_path))
    (tmp_path / "x").touch()
    assert "<p class=none>No name here contains “y”.</p>" in content(listing(tmp_path, "/?filter=y"))


def test_the_policy_allows_the_two_blocks_of_the_page_and_nothing_else(folder: Path) -> None:
    response = listing(folder)
    page = content(response)
    policy = response.headers["Content-Security-Policy"]
    for kind in ("style", "script"):
        (block,) = re.findall(rf"<{kind}>(.*?)</{kind}>", page, re.DOTALL)
        assert f"{kind}-src 'sha256-{b64encode(sha256(block.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page)
    assert " style=" not in page
    assert not re.search(r"<[^>]* on[a-z]+=", page.partition("<script>")[0].partition("</style>")[2])


def test_links_are_shown_where_they_lead_somewhere(folder: Path) -> None:
    (folder / "good").symlink_to("b.txt")
    (folder / "down").symlink_to("zoo")
    (folder / "out").symlink_to("/etc/passwd")

    def follow(name: str) -> os.stat_result | None:
        return None if name == "out" else (folder / name).stat()

    page = content(listing(folder, follow=follow))
    assert names(page) == ["down", "zoo", "a9.txt", "a10.txt", "b.txt", "good"]
    assert '<a href="good">good<small>link</small></a><td role=cell><data value=2000>' in page
    assert names(content(listing(folder))) == ["zoo", "a9.txt", "a10.txt", "b.txt"]


def test_it_hands_over_before_it_reads(folder: Path) -> None:
    exchange = FakeExchange()
    fd = os.open(folder, os.O_RDONLY)
    list_folder(request(exchange=exchange), fd, hidden=False, title="root")
    os.close(fd)
    assert exchange.handed_over == 1


def test_the_descriptor_is_left_open_and_not_needed_any_more(many: Path) -> None:
    fd = os.open(many, os.O_RDONLY)
    response = list_folder(request(), fd, hidden=False, title="root")
    os.fstat(fd)
    os.close(fd)
    assert len(names(content(response))) == 10_000


def test_what_cannot_be_read_is_the_callers_to_answer(folder: Path) -> None:
    fd = os.open(folder / "b.txt", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        list_folder(request(), fd, hidden=False, title="root")
    os.close(fd)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    for number in range(10_000):
        with open(folder / f"Report {number} of 2026.txt", "wb") as file:
            file.truncate(number * 37)
    return folder


@pytest.mark.parametrize("accept", [None, "application/json"])
def test_a_long_listing_comes_in_pieces(many: Path, accept: str | None) -> None:
    body = listing(many, accept=accept).body
    assert not isinstance(body, bytes)
    pieces: list[bytes] = list(body)  # type: ignore[arg-type]
    assert len(pieces) > 10
    assert max(map(len, pieces)) < 70_000
    assert all(pieces)


def test_a_short_listing_has_a_length(folder: Path) -> None:
    assert listing(folder).body_length is not None
    assert listing(folder, accept="application/json").body_length is not None


def test_what_a_listing_costs_grows_with_its_entries(many: Path, tmp_path: Path) -> None:
    for number in range(1_000):
        (tmp_path / f"Report {number} of 2026.txt").touch()

    def cost(folder: Path) -> float:
        begun = time.thread_time()
        content(listing(folder))
        return time.thread_time() - begun

    few, all_of_them = (min(cost(folder) for _ in range(3)) for folder in (tmp_path, many))
    assert all_of_them < few * 30, "ten times as many cost ten times as much; compared with each other, a hundred times"


@pytest.mark.bench
def test_ten_thousand_entries_take_a_tenth_of_a_second(many: Path) -> None:
    def once() -> float:
        begun = time.perf_counter()
        content(listing(many))
        return time.perf_counter() - begun

    assert min(once() for _ in range(5)) < 0.1


_NAME = st.binary(min_size=1, max_size=40).filter(lambda name: name not in (b".", b"..") and not set(name) & {0, 0x2F})


@given(_NAME)
def test_every_name_that_is_listed_is_linked_by_its_bytes(
    tmp_path_factory: pytest.TempPathFactory, name: bytes
) -> None:
    folder = os.fsencode(tmp_path_factory.mktemp("odd"))
    with open(os.path.join(folder, name), "wb"):
        pass
    page = content(listing(folder, hidden=True))
    for link, text in rows(page):
        assert unquote_to_bytes(link) == name
        assert text == name.decode("utf-8", "replace")
        assert re.fullmatch(r"[!-~]+", link)
        assert "/" not in link

"""Scripts and files side by side: who answers is decided on one reading of the path, and no source is ever served."""

from __future__ import annotations

from pathlib import Path

import pytest

from salver.files import Folder
from salver.gateway import CGISite
from salver.handler import DEFAULT_OPTIONS, options
from salver.request import Request
from tests.gateway.support import content, request, script


@pytest.fixture
def site(tmp_path: Path) -> CGISite:
    script(
        tmp_path, "cgi-bin/x.py", "# secret\nprint('Content-Type: a/b\\n')\nimport os\nprint(os.environ['SCRIPT_NAME'])"
    )
    script(tmp_path, "cgi-bin/data.txt", "secret", 0o644)
    script(tmp_path, "a/b/x", "# secret\nprintf 'Location: /page.html\\n\\n'")
    script(tmp_path, "static/y", "plain", 0o644)
    script(tmp_path, "page.html", "<p>page", 0o644)
    folders = {"/cgi-bin": tmp_path / "cgi-bin", "/a/b": tmp_path / "a/b"}
    return CGISite(Folder(tmp_path, hidden=True), folders)


def ask(site: CGISite, path: str) -> tuple[int, bytes]:
    from tests.files.support import content as content_of_file

    response = site(request(path))
    read = content if isinstance(response.body, bytes) else content_of_file
    return response.status, read(response)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/cgi-bin/x.py", 200, b"/cgi-bin/x.py\n"),
        ("/cgi-bin/x.py/more", 200, b"/cgi-bin/x.py\n"),
        ("/%63gi-bin/x.py", 200, b"/cgi-bin/x.py\n"),
        ("/static/y", 200, b"plain"),
        ("/a/b/x", 200, b"<p>page"),
    ],
)
def test_who_answers(site: CGISite, path: str, status: int, body: bytes) -> None:
    found = ask(site, path)
    assert found[0] == status and body in found[1]


@pytest.mark.parametrize(
    "path",
    ["/cgi-bin%2fx.py", "/cgi-bin//x.py", "/cgi-bin/./x.py", "/static/../cgi-bin/x.py", "//cgi-bin/x.py",
     "/./cgi-bin/x.py", "/cgi-bin/data.txt", "/cgi-bin/", "/cgi-bin", "/CGI-BIN/x.py", "/Cgi-Bin/data.txt",
     "/cgi-bin%00/x.py", "/cgi-bin./x.py", "/cgi-bin%20/x.py", "/static/%2e%2e/cgi-bin/x.py", "/cgi-bin\\x.py",
     "/cgi-bin%5cx.py", "/cgi-bin/x.py%00.txt", "/cgi-bin/..%2fcgi-bin/x.py", "/A/b/x", "/a%2fb/x", "/%2fcgi-bin/x.py",
     "/cgi-bin;/x.py", "/cgi-bin/x.py;/"],
)  # fmt: skip
def test_no_other_way_leads_to_a_script_or_to_its_source(site: CGISite, path: str) -> None:
    status, body = ask(site, path)
    assert status in (400, 403, 404) and b"secret" not in body and b"print" not in body


def test_a_site_under_a_mount(tmp_path: Path) -> None:
    script(tmp_path, "x", "printf 'Location: /app/there\\n\\n'")
    site = CGISite(lambda asked: f"{asked.prefix} {asked.path}", {"/cgi": tmp_path})
    assert content(site(request("/app/cgi/x", prefix="/app"))) == b"/app /there"


@pytest.mark.parametrize("path", ["cgi-bin", "/", "", "/cgi-bin/", "/a//b", "/a/../b", "/."])
def test_a_path_that_is_none(path: str) -> None:
    with pytest.raises(ValueError, match="cgi-bin"):
        CGISite(lambda _: "", {path: "."})


def test_each_is_run_as_it_wants(tmp_path: Path) -> None:
    @options(max_body=7)
    def elsewhere(_: Request) -> str:
        return ""

    site = CGISite(elsewhere, {"/cgi": tmp_path}, max_body=1_000)
    assert site.salver_options_for(request("/x")).max_body == 7
    chosen = site.salver_options_for(request("/cgi/x"))
    assert (chosen.stream_body, chosen.blocking, chosen.max_body) == (True, None, 1_000)
    assert CGISite(lambda _: "", {}).salver_options_for(request("/")) == DEFAULT_OPTIONS

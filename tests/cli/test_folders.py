"""What is served: a folder or a file, by the options given."""

from __future__ import annotations

import json
import socket
from pathlib import Path

from tests.cli.commands import (
    salver,
    until,
)


def test_the_current_folder_is_the_default(site: Path) -> None:
    with salver(cwd=site) as server:
        assert server.said[0] == f"Serving {site}"
        assert server.get()[2] == b"<p>the index\n"


def test_all_digits_are_a_port(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with salver(str(site), str(port), port=False) as server:
        assert server.urls == [f"http://127.0.0.1:{port}/"]
    with salver(str(port), "--no-listing", str(site), port=False) as server:
        assert server.urls == [f"http://127.0.0.1:{port}/"]


def test_a_folder_whose_name_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "2026").mkdir()
    with salver("./2026", cwd=tmp_path) as server:
        assert server.said[0] == f"Serving {tmp_path}/2026"


def test_a_file_instead_of_a_folder(site: Path) -> None:
    with salver(str(site / "sub" / "page.txt")) as server:
        assert server.get("/")[2] == server.get("/page.txt")[2] == b"a page\n" * 500
        assert server.get("/index.html")[0] == 404


def test_listing_and_no_listing(site: Path) -> None:
    with salver(str(site)) as server:
        assert b"page.txt" in server.get("/sub/")[2]
        entries = json.loads(server.get("/sub/", Accept="application/json")[2])["entries"]
        assert [entry["name"] for entry in entries] == ["page.txt"]
        status, _, body = server.get("/sub/", method="HEAD")
        assert (status, body) == (200, b"")
    with salver(str(site), "--no-listing") as server:
        assert server.get("/sub/")[0] == 404
        assert server.get("/")[0] == 200


def test_hidden(site: Path) -> None:
    with salver(str(site)) as server:
        assert server.get("/.secret")[0] == 404
    with salver(str(site), "--hidden") as server:
        assert server.get("/.secret")[2] == b"hidden\n"


def test_follow_symlinks(site: Path) -> None:
    with salver(str(site)) as server:
        assert server.get("/link.txt")[0] == 404
    with salver(str(site), "--follow-symlinks") as server:
        assert server.get("/link.txt")[2] == b"outside\n"


def test_index(site: Path) -> None:
    with salver(str(site), "--index", "start.html", "--index", "page.txt") as server:
        assert server.get("/sub/")[2] == b"a page\n" * 500
        assert b"index.html" in server.get("/")[2]


def test_spa(site: Path) -> None:
    page = {"Accept": "text/html"}
    with salver(str(site)) as server:
        assert server.get("/users/5", **page)[0] == 404
    with salver(str(site), "--spa") as server:
        assert server.get("/users/5", **page)[2] == b"<p>the index\n"


def test_compress(site: Path) -> None:
    with salver(str(site)) as server:
        assert server.get("/sub/page.txt", Accept_Encoding="gzip")[1]["content-encoding"] == "gzip"
    with salver(str(site), "--no-compress") as server:
        assert "content-encoding" not in server.get("/sub/page.txt", Accept_Encoding="gzip")[1]


def test_header_fields(site: Path) -> None:
    with salver(str(site), "-H", "X-One: 1", "--header", "X-Two:two words ", "--cache", "3600") as server:
        got = server.get()[1]
        assert (got["x-one"], got["x-two"], got["cache-control"]) == ("1", "two words", "max-age=3600")
        assert server.get("/nothing")[1]["x-one"] == "1"
        assert "cache-control" not in server.get("/nothing")[1]


def test_cors(site: Path) -> None:
    with salver(str(site)) as server:
        assert "access-control-allow-origin" not in server.get()[1]
    with salver("--cors", str(site)) as server:  # the folder is not the origin
        assert server.said[0] == f"Serving {site}"
        assert server.get()[1]["access-control-allow-origin"] == "*"
        status, got, _ = server.get(method="OPTIONS", Origin="http://x", Access_Control_Request_Method="GET")
        assert status == 204
        assert got["access-control-allow-origin"] == "*"
    with salver("--cors", "https://example.org", str(site)) as server:
        assert server.get()[1]["access-control-allow-origin"] == "https://example.org"


def test_cgi(site: Path, tmp_path: Path) -> None:
    folders = {"cgi-bin": "/cgi-bin/", "deep/tools": "/deep/tools/"}
    for name in folders:
        (site / name).mkdir(parents=True)
        (site / name / "x.py").write_text(
            "import os\nprint('Content-Type: a/b\\n')\nprint(os.environ['SCRIPT_NAME'])\n"
        )
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "y").write_text("#!/bin/sh\nprintf 'Content-Type: a/b\\n\\n'; wc -c\n")
    (beside / "y").chmod(0o755)
    with salver(str(site), "--cgi") as server:
        assert server.said[0] == f"Serving {site}, scripts at /cgi-bin"
        assert server.get("/cgi-bin/x.py/more")[::2] == (200, b"/cgi-bin/x.py\n")
        assert server.get("/cgi-bin/")[0] == 404
        assert b"import" in server.get("/deep/tools/x.py")[2]
    arguments = ["--cgi=deep/tools", "--cgi", str(beside), "--workers", "2", "--limit-body", "10"]
    with salver(str(site), *arguments) as server:
        assert server.said[0] == f"Serving {site}, scripts at /deep/tools and /beside"
        assert server.get("/deep/tools/x.py")[::2] == (200, b"/deep/tools/x.py\n")
        assert server.get("/beside/y", "POST", Content_Length="11")[0] == 413
        assert server.get("/beside/y")[::2] == (200, b"0\n")


def test_workers(site: Path) -> None:
    with salver(str(site), "--workers", "2") as server:
        assert server.get()[0] == 200
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
        if children.exists():
            until(lambda: len(children.read_text().split()) == 2)
    with salver(str(site), "--workers", "auto") as server:
        assert server.get()[0] == 200


def test_open(site: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho "$1" > {tmp_path}/opened.part && mv {tmp_path}/opened.part {tmp_path}/opened\n'
    )
    browser.chmod(0o755)
    with salver(str(site), "--open", BROWSER=str(browser)) as server:
        until((tmp_path / "opened").exists)
        assert (tmp_path / "opened").read_text().strip() == server.urls[0]

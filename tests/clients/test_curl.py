"""curl: what people script with."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.serving import LARGE, run
from tests.faults.live import Live, live

Curl = Callable[..., str]


@pytest.fixture
def curl(program, tmp_path) -> Curl:
    path = program("curl")
    return lambda *words: run([path, "-sS", "--max-time", "30", *words], folder=tmp_path)


@pytest.fixture(scope="module")
def app() -> Iterator[Live]:
    with live("--set", "limit_body=5000000") as running:
        yield running


def test_a_whole_file(curl, site, tmp_path):
    curl("-o", "out", site.url + "large.bin")
    assert (tmp_path / "out").read_bytes() == (site.folder / "large.bin").read_bytes()


@pytest.mark.parametrize(
    ("wanted", "part"), [("0-99", slice(0, 100)), ("-100", slice(-100, None)), ("2999000-", slice(2_999_000, None))]
)
def test_a_range(curl, site, tmp_path, wanted, part):
    assert curl("-r", wanted, "-o", "out", "-w", "%{http_code}", site.url + "large.bin") == "206"
    assert (tmp_path / "out").read_bytes() == (site.folder / "large.bin").read_bytes()[part]


def test_several_ranges(curl, site):
    said = curl("-r", "0-9,100-109", "-D", "-", site.url + "text.txt")
    assert "multipart/byteranges; boundary=" in said
    assert len(re.findall(r"Content-Range: bytes (0-9|100-109)/", said, re.IGNORECASE)) == 2


def test_a_range_that_there_is_not(curl, site):
    assert curl("-r", "99999999-", "-o", "out", "-w", "%{http_code}", site.url + "large.bin") == "416"


@pytest.mark.parametrize("got", [1, 1_000_000, LARGE - 256])
def test_resuming(curl, site, tmp_path, got):
    whole = (site.folder / "large.bin").read_bytes()
    (tmp_path / "out").write_bytes(whole[:got])
    assert curl("-C", "-", "-o", "out", "-w", "%{http_code} %{size_download}", site.url + "large.bin").startswith(
        "206 "
    )
    assert (tmp_path / "out").read_bytes() == whole


def test_compressed(curl, site, tmp_path):
    size = int(curl("--compressed", "-o", "out", "-w", "%{size_download}", site.url + "text.txt"))
    assert size < (site.folder / "text.txt").stat().st_size / 4
    assert (tmp_path / "out").read_bytes() == (site.folder / "text.txt").read_bytes()


def test_head(curl, site):
    said = curl("-I", site.url + "large.bin")
    assert said.startswith("HTTP/1.1 200 OK")
    assert f"content-length: {(site.folder / 'large.bin').stat().st_size}" in said.lower()


@pytest.mark.parametrize("target", ["text.txt", "sub/", "none"])
def test_http_1_0(curl, site, target):
    said = curl("--http1.0", "-D", "-", "-o", "out", site.url + target)
    assert re.match(r"HTTP/1\.[01] (200|404)", said)
    assert "transfer-encoding" not in said.lower()


def test_if_modified_and_if_none_match(curl, site, tmp_path):
    curl("-R", "-o", "copy", site.url + "text.txt")
    assert curl("-z", "copy", "-o", "again", "-w", "%{http_code}", site.url + "text.txt") == "304"
    curl("--etag-save", "tag", "-o", "copy", site.url + "text.txt")
    assert curl("--etag-compare", "tag", "-o", "again", "-w", "%{http_code}", site.url + "text.txt") == "304"


def test_a_folder_without_its_slash(curl, site):
    said = curl("-L", "-o", "out", "-w", "%{http_code} %{num_redirects} %{url_effective}", site.url + "sub")
    assert said == f"200 1 {site.url}sub/"


def test_names_that_want_care(curl, site, tmp_path):
    for name in ("with%20blank.txt", "%C3%BCmlaut%20%26%20%3Ctag%3E.txt"):
        assert curl("-w", "%{http_code}", "-o", "out", f"{site.url}sub/{name}") == "200"
        assert (tmp_path / "out").read_text().startswith("sub/")


@pytest.mark.parametrize("target", ["../../etc/passwd", "..%2f..%2fetc/passwd", "%2e%2e/%2e%2e/etc/passwd"])
def test_nothing_outside_of_the_folder(curl, site, target):
    said = curl("--path-as-is", "-w", "%{http_code}", "-o", "out", site.url + target)
    assert said in ("400", "403", "404")


def test_one_connection_for_many_urls(curl, site):
    urls = [word for place in range(20) for word in ("-o", f"out{place}", site.url + "text.txt")]
    said = curl(*urls, "-w", "%{num_connects} ")
    assert said.split() == ["1"] + ["0"] * 19


def test_many_at_once(curl, site, tmp_path):
    urls = [word for place in range(30) for word in ("-o", f"out{place}", site.url + "large.bin")]
    curl("-Z", "--parallel-max", "10", *urls)
    whole = (site.folder / "large.bin").read_bytes()
    assert all((tmp_path / f"out{place}").read_bytes() == whole for place in range(30))


class TestBodies:
    @pytest.fixture
    def body(self, tmp_path) -> Path:
        path: Path = tmp_path / "body"
        path.write_bytes(b"x" * 2_000_000)
        return path

    def url(self, app: Live) -> str:
        return f"http://127.0.0.1:{app.port}/echo"

    def test_with_100_continue(self, curl, app, body):
        said = curl(
            "-v", "-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary", "@body", self.url(app)
        )
        assert "HTTP/1.1 100 Continue" in said
        assert "2000000" in said

    def test_chunked(self, curl, app, body):
        said = curl("-H", "Transfer-Encoding: chunked", "-H", "Expect:", "--data-binary", "@body", self.url(app))
        assert said == "2000000"

    def test_chunked_with_100_continue(self, curl, app, body):
        said = curl("-v", "-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue", "--data-binary", "@body",
                    "--expect100-timeout", "20", self.url(app))  # fmt: skip
        assert "HTTP/1.1 100 Continue" in said

    def test_too_large_is_refused_before_it_is_sent(self, curl, app, tmp_path):
        (tmp_path / "huge").write_bytes(b"x" * 9_000_000)
        said = curl("-H", "Expect: 100-continue", "--expect100-timeout", "20", "--data-binary", "@huge",
                    "-o", "out", "-w", "%{http_code} %{size_upload}", self.url(app))  # fmt: skip
        assert said == "413 0"

    def test_too_large_and_sent_all_the_same(self, program, app, tmp_path):
        """The answer arrives, though nobody reads what is sent: no reset overtakes it."""
        (tmp_path / "huge").write_bytes(b"x" * 9_000_000)
        done = subprocess.run(
            [program("curl"), "-sS", "--max-time", "20", "-H", "Expect:", "--data-binary", "@huge",
             "-o", "out", "-w", "%{http_code}", self.url(app)],
            cwd=tmp_path, capture_output=True, check=False,
        )  # fmt: skip
        assert done.stdout == b"413"

    def test_a_form_and_a_file(self, curl, app, body):
        assert int(curl("-F", "a=b", "-F", "file=@body", self.url(app))) > 2_000_000

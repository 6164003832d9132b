"""Media types by name: the pinned table, what one adds, and the system's behind both."""

from __future__ import annotations

import mimetypes
import subprocess
import sys

import pytest

from salver.semantics.media_types import WEB_TYPES, MediaTypes, is_compressible


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("INDEX.HTM", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.min.mjs", "text/javascript; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.woff2", "font/woff2"),
        ("a.wasm", "application/wasm"),
        ("a.js.map", "application/json"),
        ("site.webmanifest", "application/manifest+json"),
        ("README.md", "text/markdown; charset=utf-8"),
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
        ("a.tar.gz", "application/gzip"),
        ("README", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("a.no-such-suffix", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
        ("\udcff.html", "text/html; charset=utf-8"),
    ],
)
def test_names(name: str, content_type: str) -> None:
    assert MediaTypes().of(name) == content_type


def test_what_one_adds_goes_first_and_is_sent_as_it_is() -> None:
    types = MediaTypes({".HTML": "text/html; charset=latin-1", ".x": "application/x-own", "": "text/plain"})
    assert types.of("a.html") == "text/html; charset=latin-1"
    assert types.of("a.X") == "application/x-own"
    assert types.of("README") == "text/plain"
    assert types.of("a.css") == "text/css; charset=utf-8"


def test_the_system_knows_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ".latex" not in WEB_TYPES
    monkeypatch.setattr(mimetypes, "inited", False)
    assert MediaTypes().of("paper.latex") == "application/x-latex"
    monkeypatch.setattr(mimetypes, "types_map", {".latex": "text/x-latex"})
    assert MediaTypes().of("paper.latex") == "text/x-latex; charset=utf-8"


def test_the_system_is_asked_only_when_needed() -> None:
    program = (
        "import sys; from salver.semantics.media_types import MediaTypes; MediaTypes().of('a.html');"
        "MediaTypes().of('README'); sys.exit('mimetypes' in sys.modules)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-S", "-c", program], timeout=20, check=False, env=environment)
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("content_type", "yes"),
    [
        ("text/html; charset=utf-8", True),
        ("text/plain", True),
        ("image/svg+xml", True),
        ("application/json ; x=y", True),
        ("application/wasm", True),
        ("APPLICATION/MANIFEST+JSON", True),
        ("image/png", False),
        ("application/gzip", False),
        ("video/mp4", False),
        ("application/octet-stream", False),
        ("application/pdf", False),
    ],
)
def test_what_is_worth_compressing(content_type: str, yes: bool) -> None:
    assert is_compressible(content_type) is yes

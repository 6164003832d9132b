"""A folder to serve, and a folder of modules to run."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder to serve, which is the current one of no test."""
    root = tmp_path / "site"
    (root / "sub").mkdir(parents=True)
    (root / "index.html").write_text("<p>the index\n")
    (root / "sub" / "page.txt").write_text("a page\n" * 500)
    (root / ".secret").write_text("hidden\n")
    (tmp_path / "outside.txt").write_text("outside\n")
    (root / "link.txt").symlink_to("../outside.txt")
    return root


@pytest.fixture(scope="module")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("code")
    (folder / "shop.py").write_text(
        "import os\n"
        "def handler(request):\n    return {'path': request.path, 'process': os.getpid()}\n"
        "class Kind:\n    def method(self, request):\n        return 'from a method'\n"
        "kind = Kind()\n"
        "number = 5\n"
    )
    (folder / "broken.py").write_text("import nothing_of_this_name\n")
    (folder / "failing.py").write_text("def f():\n    return 1 / 0\nf()\n")
    twice = "x.add_route('/', lambda: 'x')\n"
    (folder / "conflicting.py").write_text(f"from salver import App\nx = App()\n{twice}{twice}")
    (folder / "misfit.py").write_text("from salver import App\nx = App({'/': 5})\n")
    return folder

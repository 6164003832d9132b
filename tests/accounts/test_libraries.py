"""Without the libraries of the extra: an error that says which one to install, and where it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

_PROGRAM = """
import sys
from importlib.abc import MetaPathFinder

class Without(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Without())
from salver import App
from salver.accounts import Accounts
from salver.testing import TestClient
app = App()
app.mount("/accounts", Accounts(sys.argv[2]))
client = TestClient(app)
client.get("/accounts/login")
client.post("/accounts/api/login", json={"username": "ada", "password": "x"})
"""


@pytest.mark.parametrize(
    ("library", "database", "extra"),
    [
        ("sqlalchemy", "sqlite:///accounts.db", "accounts"),
        ("argon2", "sqlite:///{folder}/accounts.db", "accounts"),
        ("jinja2", "sqlite:///accounts.db", "accounts"),
        ("psycopg", "postgresql://localhost/accounts", "postgresql"),
        ("nothing", "sqlite:///{folder}/accounts.db", ""),
    ],
)
def test_what_is_missing_is_said(tmp_path: object, library: str, database: str, extra: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, library, database.format(folder=tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = done.stderr.strip().rpartition("\n")[2]
    assert (f'pip install "salver[{extra}]"' in said) is bool(extra), done.stderr
    assert (done.returncode == 0) is not bool(extra)

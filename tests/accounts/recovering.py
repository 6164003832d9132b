"""What the tests of forgotten passwords share: who forgets, what is sent, and what came of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from salver.testing import TestClient
from tests.accounts.conftest import PASSWORD, Site

NEW = "analytical engine"
ADA = {"username": "ada", "password": PASSWORD}
MAIL = "ada@example.org"


def send(client: TestClient, path: str, **fields: Any) -> Any:
    return client.post(f"/accounts/api/{path}", json=fields)


def error_of(answer: Any) -> tuple[int, str, str]:
    said = answer.json()
    assert said["message"] == ("failed" if said["code"] else "success")
    return answer.status, said.get("error", ""), said.get("field", "")


def logs_in(site: Site, password: str) -> bool:
    return bool(send(site.client(), "login", username="ada", password=password).json()["code"] == 0)


def age(path: Path, seconds: int) -> None:
    """Every link as if it had been made so many seconds earlier."""
    with closing(sqlite3.connect(path / "accounts.db", isolation_level=None)) as connection:
        connection.execute("UPDATE salver_links SET expires = expires - ?", (seconds,))


def me(client: TestClient) -> Any:
    return client.get("/accounts/api/me").json()["user"]

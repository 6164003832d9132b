"""Who uses the servers: a client with a cookie, that asks one server now and another one then."""

from __future__ import annotations

import http.client
import json
from typing import Any, NamedTuple

PASSWORD = "difference engine"
SECONDS = 30.0


class Answer(NamedTuple):
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The code of what was refused, "" for nothing."""
        return str(self.json.get("error", ""))


def ask(address: str, method: str, path: str, sent: object = None, source: str = "", **fields: str) -> Answer:
    """One request to host:port, with `sent` as JSON, from the address `source`."""
    host, _, port = address.rpartition(":")
    from_where = (source, 0) if source else None
    connection = http.client.HTTPConnection(host, int(port), timeout=SECONDS, source_address=from_where)
    body = None if sent is None else json.dumps(sent)
    if body is not None:
        fields["Content-Type"] = "application/json"
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
        response = connection.getresponse()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


class Visitor:
    """One browser's worth of a person: the name, and the cookie that the last login gave."""

    def __init__(self, name: str, password: str = PASSWORD, source: str = "") -> None:
        self.name = name
        self.password = password
        self.source = source
        self.cookie = ""

    def get(self, address: str, path: str, **fields: str) -> Answer:
        return ask(address, "GET", path, source=self.source, **self._fields(fields))

    def post(self, address: str, path: str, sent: object = None, **fields: str) -> Answer:
        answer = ask(address, "POST", path, sent or {}, self.source, **self._fields(fields))
        if "set-cookie" in answer.fields:
            self.cookie = answer.fields["set-cookie"].partition(";")[0]
        return answer

    def _fields(self, fields: dict[str, str]) -> dict[str, str]:
        return {"Cookie": self.cookie, **fields} if self.cookie else fields

    # What people do

    def register(self, address: str, nickname: str = "") -> Answer:
        sent = {"username": self.name, "password": self.password, "nickname": nickname}
        return self.post(address, "/accounts/api/register", sent)

    def log_in(self, address: str, password: str | None = None) -> Answer:
        sent = {"username": self.name, "password": self.password if password is None else password}
        return self.post(address, "/accounts/api/login", sent)

    def is_known(self, address: str) -> bool:
        """The protected page opens."""
        answer = self.get(address, "/mine")
        assert answer.status in (200, 401), answer
        return answer.status == 200

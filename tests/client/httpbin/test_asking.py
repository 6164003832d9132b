"""httpbin, asked with every method, body and field."""

from __future__ import annotations

import base64
import io

import pytest

from salver import client as salver_client
from salver.client import (
    Client,
)
from tests.client.httpbin.asking import told

# Methods, and what is sent


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_methods(client: Client, method: str) -> None:
    found = told(client, method, f"/{method.lower()}", params={"a": [1, 2], "b": "ü&=", "c": None})
    assert found["args"] == {"a": ["1", "2"], "b": "ü&="}
    assert told(client, method, "/anything/x y")["method"] == method
    assert getattr(client, method.lower())("/anything").json()["method"] == method


def test_head_and_options(client: Client) -> None:
    response = client.head("/get")
    assert (response.status, response.content) == (200, b"")
    assert int(response.headers["content-length"]) > 0
    assert "GET" in client.options("/get").headers["allow"]


def test_a_method_that_is_not_allowed(client: Client) -> None:
    assert client.post("/get").status == 405
    assert client.delete("/anything").status == 200


def test_without_a_client(base: str) -> None:
    assert salver_client.get(f"{base}/get", params={"a": "1"}, trust_env=False).json()["args"] == {"a": "1"}
    assert salver_client.post(f"{base}/post", data={"a": "1"}, trust_env=False).json()["form"] == {"a": "1"}


def test_forms(client: Client) -> None:
    found = told(client, "POST", "/post", data={"a": "1", "b": ["2", "3"], "ü": "é & ="})
    assert found["form"] == {"a": "1", "b": ["2", "3"], "ü": "é & ="}
    assert found["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert told(client, "PUT", "/put", data=[("a", "1"), ("a", "2")])["form"] == {"a": ["1", "2"]}


def test_json(client: Client) -> None:
    value = {"a": [1, 2.5, None, True], "ü": "\U0001f37d"}
    found = told(client, "POST", "/post", json=value)
    assert found["json"] == value
    assert found["headers"]["Content-Type"] == "application/json"
    assert told(client, "POST", "/post", json=[None])["json"] == [None]
    assert told(client, "POST", "/post", json=None)["data"] == ""


def test_raw_content(client: Client) -> None:
    assert told(client, "POST", "/post", content="täxt")["data"] == "täxt"
    found = told(client, "POST", "/post", content=bytes(range(256)))
    assert found["data"] == "data:application/octet-stream;base64," + base64.b64encode(bytes(range(256))).decode()
    assert told(client, "PUT", "/put", content=io.BytesIO(b"from a file"))["data"] == "from a file"


def test_files(client: Client) -> None:
    name = 'a "quoted"\r\n name.txt'
    files = {"file": (name, b"bytes", "text/plain"), "other": io.BytesIO(b"\xff\x00")}
    found = told(client, "POST", "/post", data={"field": "välue"}, files=files)
    assert found["form"] == {"field": "välue"}
    assert found["files"]["file"] == "bytes"
    assert found["files"]["other"].startswith("data:")


def test_large_uploads(client: Client) -> None:
    data = b"x" * 3_000_000
    assert len(told(client, "POST", "/post", content=data)["data"]) == len(data)
    assert len(told(client, "POST", "/post", files={"f": io.BytesIO(data)})["files"]["f"]) == len(data)


def test_content_without_a_length(client: Client) -> None:
    """It goes in chunks, which Salver collects: httpbin would refuse them."""
    assert told(client, "POST", "/post", content=iter([b"a", b"b"]))["data"] == "ab"


# What is asked with


def test_headers(client: Client) -> None:
    found = told(client, "GET", "/headers", headers={"X-Own": "välue".encode().decode("latin-1"), "Accept": None})
    assert found["headers"]["X-Own"].encode("latin-1").decode() == "välue"
    assert "Accept" not in found["headers"]
    assert found["headers"]["Host"] == client.get("/get").url.split("/")[2]
    assert told(client, "GET", "/user-agent")["user-agent"].startswith("salver/")
    assert told(client, "GET", "/user-agent", headers={"user-agent": "me"}) == {"user-agent": "me"}
    assert told(client, "GET", "/ip")["origin"].startswith("127.0.0.1")


def test_cookies(client: Client) -> None:
    assert told(client, "GET", "/cookies", cookies={"a": "1"}) == {"cookies": {"a": "1"}}
    assert told(client, "GET", "/cookies/set", params={"k": "v", "l": "w"}) == {"cookies": {"k": "v", "l": "w"}}
    assert told(client, "GET", "/cookies/set/m/x")["cookies"] == {"k": "v", "l": "w", "m": "x"}
    assert client.cookies["m"] == "x"
    assert told(client, "GET", "/cookies/delete", params={"k": ""})["cookies"] == {"l": "w", "m": "x"}
    assert told(client, "GET", "/cookies", cookies={"l": "mine"})["cookies"] == {"l": "mine", "m": "x"}

"""What scripts and WSGI applications are told alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.gateway.meta_variables import NEVER, remote_address, server_name_and_port, variables_of
from salver.request import ClientAddress


@pytest.mark.parametrize(
    ("fields", "variables"),
    [
        ([("Host", "a"), ("X-Forwarded-For", "b")], {"HTTP_HOST": "a", "HTTP_X_FORWARDED_FOR": "b"}),
        ([("x-a", "\xe9")], {"HTTP_X_A": "\xe9"}),
        ([("X-A", "1"), ("B", "2"), ("x-a", "3")], {"HTTP_X_A": "1, 3", "HTTP_B": "2"}),
        ([("Cookie", "a=1"), ("COOKIE", "b=2")], {"HTTP_COOKIE": "a=1; b=2"}),
        ([("X-A", ""), ("X-A", "")], {"HTTP_X_A": ", "}),
        # What would pass for another's name, and what would be one of the system's own.
        ([("X_A", "1"), ("X-A", "2")], {"HTTP_X_A": "2"}),
        ([("X.A", "1"), ("X!", "1"), ("X\xe9", "1"), ("", "1"), ("X\n", "1")], {}),
        ([("Proxy", "1"), ("PROXY", "1"), ("Content-Length", "1"), ("content-type", "x")], {}),
        ([("Proxy-Connection", "1")], {"HTTP_PROXY_CONNECTION": "1"}),
    ],
)
def test_fields(fields: list[tuple[str, str]], variables: dict[str, str]) -> None:
    assert variables_of(fields, NEVER) == variables


def test_more_is_left_out() -> None:
    fields = [("Authorization", "x"), ("TE", "y"), ("Proxy", "z"), ("Host", "a")]
    assert variables_of(fields, NEVER | {"authorization", "te"}) == {"HTTP_HOST": "a"}


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=5))))
def test_no_name_comes_out_that_did_not_go_in(fields: list[tuple[str, str]]) -> None:
    names = {"HTTP_" + name.upper().replace("-", "_") for name, _ in fields if "_" not in name}
    found = variables_of(fields, NEVER)
    assert found.keys() <= names and not {"HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"} & found.keys()
    assert all(variable.isascii() for variable in found)


@pytest.mark.parametrize(
    ("host", "scheme", "name", "port"),
    [
        ("", "http", "localhost", "80"),
        ("", "https", "localhost", "443"),
        ("a.example", "https", "a.example", "443"),
        ("a.example:8000", "https", "a.example", "8000"),
        ("a.example:", "http", "a.example", "80"),
        ("[::1]", "http", "[::1]", "80"),
        ("[::1]:8000", "http", "[::1]", "8000"),
    ],
)
def test_who_is_asked(host: str, scheme: str, name: str, port: str) -> None:
    assert server_name_and_port(host, scheme, None) == (name, port)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_port_is_the_connections_own_where_it_is_known(scheme: str) -> None:
    local = ClientAddress("2001:db8::1", 8001)
    assert server_name_and_port("a.example:80", scheme, local) == ("a.example", "8001")
    assert server_name_and_port("[::1]", scheme, local) == ("[::1]", "8001")
    assert server_name_and_port("", scheme, local) == ("[2001:db8::1]", "8001")
    assert server_name_and_port("", scheme, ClientAddress("192.0.2.1", 80)) == ("192.0.2.1", "80")


def test_who_asks() -> None:
    assert remote_address(ClientAddress("192.0.2.7", 1)) == "192.0.2.7"
    assert remote_address(ClientAddress("unix:", 0)) == "127.0.0.1"

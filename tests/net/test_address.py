"""Reading addresses: every form, its way back to text, and what is said about the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.net.address import Address, AddressError, parse_address, systemd_addresses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:80", Address("tcp", "127.0.0.1", 80)),
        ("example.org:8080", Address("tcp", "example.org", 8080)),
        ("example.org", Address("tcp", "example.org", 8000)),
        ("a_b.example:1", Address("tcp", "a_b.example", 1)),
        ("x:1", Address("tcp", "x", 1)),
        (":9000", Address("tcp", "", 9000)),
        ("*:9000", Address("tcp", "", 9000)),
        ("*", Address("tcp", "", 8000)),
        ("9000", Address("tcp", "127.0.0.1", 9000)),
        ("0", Address("tcp", "127.0.0.1", 0)),
        ("[::1]:80", Address("tcp", "::1", 80)),
        ("[::]", Address("tcp", "::", 8000)),
        ("::1", Address("tcp", "::1", 8000)),
        ("::", Address("tcp", "::", 8000)),
        ("[fe80::1%eth0]:80", Address("tcp", "fe80::1%eth0", 80)),
        ("unix:/run/x.sock", Address("unix", path="/run/x.sock")),
        ("unix:x:y", Address("unix", path="x:y")),
        ("unix:@name", Address("unix", path="@name")),
        ("fd:3", Address("fd", fd=3)),
    ],
)
def test_every_form(text: str, expected: Address) -> None:
    assert parse_address(text) == expected
    assert parse_address(str(expected)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host:",
        "host:http",
        "host:65536",
        "host:-1",
        "host:+1",
        "host:1_0",
        "host: 80",
        "host:٨٠",
        "65536",
        "host:80 ",
        "host:80\n",
        "-host:80",
        "ho st:80",
        "http://host:80",
        "host/path",
        "[::1",
        "[::1]80",
        "[::1]:",
        "[127.0.0.1]:80",
        "[::1%]:80",
        "[::1%a b]:80",
        "1:2:3",
        "unix",
        "unix:",
        "unix:@",
        "unix:a\0b",
        "fd",
        "fd:",
        "fd:-1",
        "fd:3x",
        "::1\0",
    ],
)
def test_what_is_no_address_is_said_in_one_line_that_helps(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert "\n" not in str(caught.value)
    assert "write " in str(caught.value)


def test_the_default_port_can_be_another() -> None:
    assert parse_address("example.org", default_port=80).port == 80
    assert parse_address("[::1]", default_port=80).port == 80
    assert parse_address("::1", default_port=80).port == 80


@given(st.text(max_size=30) | st.text("0123456789abcdef:.[]%*-unixf@/", max_size=30))
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert parse_address(str(address)) == address


@given(st.ip_addresses(), st.integers(0, 65535))
def test_any_ip_address_and_port(ip: object, port: int) -> None:
    host = f"[{ip}]" if ":" in str(ip) else str(ip)
    assert parse_address(f"{host}:{port}") == Address("tcp", str(ip), port)


def test_what_systemd_passes() -> None:
    passed = systemd_addresses({"LISTEN_PID": "42", "LISTEN_FDS": "2"}, 42)
    assert passed == [Address("fd", fd=3), Address("fd", fd=4)]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "2"},
        {"LISTEN_PID": "41", "LISTEN_FDS": "2"},
        {"LISTEN_PID": "42"},
        {"LISTEN_PID": "42", "LISTEN_FDS": "x"},
        {"LISTEN_PID": "42", "LISTEN_FDS": "-1"},
        {"LISTEN_PID": "42", "LISTEN_FDS": "0"},
    ],
)
def test_what_systemd_does_not_pass(environ: dict[str, str]) -> None:
    assert systemd_addresses(environ, 42) == []


def test_a_wild_number_of_passed_sockets_is_bounded() -> None:
    assert len(systemd_addresses({"LISTEN_PID": "42", "LISTEN_FDS": "999999999"}, 42)) == 1024

"""Which addresses belong to which networks."""

from __future__ import annotations

from typing import Any

import pytest

from salver.middleware.networks import Networks


@pytest.mark.parametrize(
    ("host", "held"),
    [
        ("10.1.2.3", True),
        ("11.1.2.3", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::5", True),
        ("2001:db9::5", False),
        ("::ffff:10.1.2.3", True),
        ("::ffff:11.1.2.3", False),
        ("2001:db8::5%eth0", True),
        ("unix:", False),
        ("", False),
        ("10.1.2.3.", False),
        ("localhost", False),
    ],
)
def test_held(host: str, held: bool) -> None:
    assert Networks(["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]).hold(host) == held


def test_a_unix_socket_is_named_by_itself() -> None:
    assert Networks(["unix:"]).hold("unix:") and not Networks(["unix:"]).hold("127.0.0.1")
    assert Networks([]).empty and not Networks([]).hold("127.0.0.1")


def test_one_text_is_no_sequence_of_networks() -> None:
    with pytest.raises(ValueError, match="networks is a sequence"):
        Networks("1")


@pytest.mark.parametrize("networks", ["10.0.0.0/8", ["10.0.0.1/8"], ["x"], [""], ["10.0.0.0/33"], ["unix"]])
def test_what_is_no_network(networks: Any) -> None:
    with pytest.raises(ValueError):
        Networks(networks)

"""User-Agent fields as people know their devices."""

from __future__ import annotations

import pytest

from salver.accounts.devices import device_name

MOZILLA = "Mozilla/5.0 "


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("", ""),
        ("curl/8.14.1", "curl/8.14.1"),
        (MOZILLA, MOZILLA),
        (MOZILLA + "(compatible; thing/1.0)", MOZILLA + "(compatible; thing/1.0)"),
        (MOZILLA + "(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox, Linux"),
        (MOZILLA + "(Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome, Windows"),
        (MOZILLA + "(Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        (MOZILLA + "(Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome, Android"),
        (MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7) Version/18.0 Safari/605.1.15", "Safari, macOS"),
        (MOZILLA + "(iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari, iPhone"),
        (MOZILLA + "(BeOS) Firefox/2.0", "Firefox"),
    ],
)
def test_device_names(agent: str, name: str) -> None:
    assert device_name(agent) == name

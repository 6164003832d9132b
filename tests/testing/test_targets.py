"""Where a request goes."""

from __future__ import annotations

import pytest

from salver.testing.targets import Place, place_of

BASE = Place("http", "testserver", "/")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/", "/"),
        ("/a/../b//c/.", "/a/../b//c/."),
        ("/é ü", "/%C3%A9%20%C3%BC"),
        ("/%2e%zz", "/%2e%zz"),
        ("/a?b=1&c=[é]#part", "/a?b=1&c=%5B%C3%A9%5D"),
        ("/a?b?c", "/a?b?c"),
        ("//double", "//double"),
        ("*", "*"),
    ],
)
def test_a_path_is_sent_as_it_is_written(url, target):
    assert place_of(url, None, BASE) == Place("http", "testserver", target)


@pytest.mark.parametrize(
    ("url", "target"),
    [("/a", "/a?x=1&x=2"), ("/a?", "/a?x=1&x=2"), ("/a?b", "/a?b&x=1&x=2"), ("/a#p", "/a?x=1&x=2")],
)
def test_parameters_are_the_rest_of_the_query(url, target):
    assert place_of(url, {"x": [1, 2]}, BASE).target == target


def test_a_url_has_its_own_scheme_and_host():
    place = place_of("HTTPS://Shop.example:8443?q", None, BASE)
    assert place == Place("https", "Shop.example:8443", "/?q")
    assert (place.host_name, place.path, place.url) == ("shop.example", "/", "https://Shop.example:8443/?q")
    assert Place("http", "[::1]:80", "/").host_name == "[::1]"


def test_a_star_has_no_query():
    with pytest.raises(ValueError, match="begins with /"):
        place_of("*", {"x": 1}, BASE)


@pytest.mark.parametrize("url", ["", "a", "?x", "ftp://a/", "http:///a", "*x"])
def test_anything_else_is_no_place(url):
    with pytest.raises(ValueError, match="begins with /"):
        place_of(url, None, BASE)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("b", "http://testserver/x/b"),
        ("../b?c", "http://testserver/b?c"),
        ("/b", "http://testserver/b"),
        ("?c", "http://testserver/x/a?c"),
        ("//other/b", "http://other/b"),
        ("https://testserver/é", "https://testserver/%C3%A9"),
    ],
)
def test_a_location_is_seen_from_where_it_was_given(location, url):
    assert place_of("/x/a?q", None, BASE).follow(location).url == url


def test_the_server_as_a_whole_has_no_path():
    assert Place("http", "h", "*").url == "http://h"

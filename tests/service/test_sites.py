"""What is handed over before it runs, and when that ends."""

from __future__ import annotations

from salver.handler import DeclaredSite
from salver.net.learning import SiteTable
from salver.request import Request
from salver.service.sites import Sites
from tests.test_request import request


def sites(always: bool | None = None) -> Sites:
    return Sites(SiteTable(), always)


def named(site: object) -> Request:
    asked = request("/any")
    asked.site = site
    return asked


def test_nothing_is_watched_until_something_blocked() -> None:
    table = sites()
    assert not table.watchful and not table.might_block(request("/a"))
    table.learn(request("/a?x"))
    assert table.watchful
    assert table.might_block(request("/a?y")) and not table.might_block(request("/b"))
    assert not table.might_block(request("/a", method="HEAD"))


def test_a_named_site_is_learned_by_its_name() -> None:
    table = sites()
    table.learn(named("route"))
    assert table.site_might_block("route") and not table.site_might_block("other")
    assert not table.might_block(request("/any"))


def test_what_a_handler_says_of_itself_is_not_unlearned() -> None:
    always, never = sites(True), sites(False)
    assert always.watchful and always.might_block(request("/"))
    never.learn(request("/"))
    assert not never.watchful and not never.might_block(request("/"))
    never.learn(named("route"))
    assert not never.site_might_block("route")


def test_when_path_after_path_blocks_a_new_one_is_handed_over_too() -> None:
    table = sites()
    for number in range(10):
        table.learn(request(f"/users/{number}"))
    assert table.might_block(request("/users/new"))
    for _ in range(2_000):
        table.passed()
    assert not table.might_block(request("/users/new"))
    assert table.might_block(request("/users/3"))


def test_a_fresh_path_handed_over_is_learned_if_it_blocks() -> None:
    table = sites()
    for number in range(10):
        table.learn(request(f"/users/{number}"))
    table.observe(request("/users/quick"), wall=0.0005, cpu=0.0004)
    table.observe(request("/users/slow"), wall=0.05, cpu=0.0004)
    for _ in range(4_000):
        table.passed()
    assert table.might_block(request("/users/slow")) and not table.might_block(request("/users/quick"))


def test_a_site_that_stops_blocking_drifts_back() -> None:
    table = sites()
    table.learn(request("/a"))
    for _ in range(5_000):
        table.observe(request("/a"), wall=0.0001, cpu=0.0001)
    assert not table.might_block(request("/a"))


def test_a_site_that_says_it_itself_is_believed_and_nothing_is_learned_of_it() -> None:
    for always in (None, True, False):
        table = sites(always)
        blocking, not_blocking = DeclaredSite("a", blocking=True), DeclaredSite("b", blocking=False)
        table.learn(named(not_blocking))
        assert table.site_might_block(blocking) and not table.site_might_block(not_blocking)
        assert table.has_blocked(named(blocking)) and not table.has_blocked(named(not_blocking))
        assert table.watchful is (always is True)

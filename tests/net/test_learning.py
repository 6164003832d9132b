"""What a table of sites learns, forgets, and how large it gets."""

from __future__ import annotations

import threading

from salver.net.learning import SiteTable


def test_nothing_is_suspected_at_first() -> None:
    table = SiteTable()
    assert not table
    assert not table.any
    assert not table.might_block("a")


def test_a_site_that_was_caught_is_suspected_alone() -> None:
    table = SiteTable()
    table.learn("a")
    assert table
    assert table.might_block("a")
    assert not table.might_block("b")


def test_256_calm_runs_in_a_row_clear_it() -> None:
    table = SiteTable()
    table.learn("a")
    for _ in range(255):
        table.observe("a", 0.0005, 0.0)
    assert table.might_block("a")
    table.observe("a", 0.0005, 0.0)
    assert not table.might_block("a")
    assert not table.any


def test_one_run_that_blocks_begins_the_count_anew() -> None:
    table = SiteTable()
    table.learn("a")
    for _ in range(255):
        table.observe("a", 0.0, 0.0)
    table.observe("a", 0.05, 0.0)
    for _ in range(255):
        table.observe("a", 0.0, 0.0)
    assert table.might_block("a")


def test_to_compute_is_not_to_block() -> None:
    table = SiteTable()
    table.learn("a")
    for _ in range(256):
        table.observe("a", 0.5, 0.4995)
    assert not table.might_block("a")


def test_what_was_never_caught_is_not_learned_from_a_handed_over_run() -> None:
    table = SiteTable()
    table.observe("a", 1.0, 0.0)
    table.observe("a", 0.0, 0.0)
    assert not table.any


def test_it_is_bounded_and_forgets_the_longest_unconfirmed() -> None:
    table = SiteTable(bound=3)
    for site in "abc":
        table.learn(site)
    table.observe("a", 0.05, 0.0)
    table.learn("d")
    assert [site for site in "abcd" if table.might_block(site)] == ["a", "c", "d"]
    assert len(table) == 3


def test_many_threads_may_teach_it() -> None:
    table = SiteTable(bound=50)

    def teach(first: int) -> None:
        for number in range(500):
            table.learn((first + number) % 80)
            table.observe(number % 80, 0.0, 0.0)

    threads = [threading.Thread(target=teach, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(table) == 50
    assert table.any

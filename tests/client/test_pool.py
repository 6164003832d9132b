"""The pool's decisions: against a model, whatever is done in whatever order; and each rule by itself."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from salver.client.pool import Pool, PoolLimits


class Link:
    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.idle_until = 0.0
        self.closed = False


def opened(pool: Pool[Link], key: Hashable) -> Link:
    may, closing = pool.may_open(key)
    assert may
    for each in closing:
        each.closed = True
    return Link(key)


def test_the_last_one_used_comes_first() -> None:
    pool: Pool[Link] = Pool(PoolLimits())
    first, second = opened(pool, "a"), opened(pool, "a")
    assert pool.give_back(first, 0.0) == []
    assert pool.give_back(second, 1.0) == []
    assert pool.take("a", 2.0) == (second, [])
    assert pool.take("b", 2.0) == (None, [])
    assert pool.take("a", 2.0) == (first, [])
    assert (pool.open, pool.idle) == (2, 0)


def test_too_old_ones_are_closed() -> None:
    pool: Pool[Link] = Pool(PoolLimits(idle_seconds=10))
    first, second = opened(pool, "a"), opened(pool, "a")
    pool.give_back(first, 0.0)
    pool.give_back(second, 5.0)
    assert pool.take("a", 15.0) == (None, [second, first])
    assert (pool.open, pool.idle) == (0, 0)


def test_the_servers_hint_shortens_and_never_lengthens() -> None:
    pool: Pool[Link] = Pool(PoolLimits(idle_seconds=10))
    link = opened(pool, "a")
    pool.give_back(link, 0.0, 5.0)
    assert link.idle_until == 5.0
    pool.take("a", 1.0)
    pool.give_back(link, 1.0, 500.0)
    assert link.idle_until == 11.0
    pool.take("a", 1.0)
    assert pool.give_back(link, 1.0, 0.0) == [link]
    assert pool.open == 0


def test_no_more_to_one_origin_than_its_limit() -> None:
    pool: Pool[Link] = Pool(PoolLimits(per_origin=2))
    opened(pool, "a"), opened(pool, "a")
    assert pool.may_open("a") == (False, [])
    assert pool.may_open("b") == (True, [])
    pool.drop_key("a")
    assert pool.may_open("a") == (True, [])


def test_an_idle_one_makes_room() -> None:
    pool: Pool[Link] = Pool(PoolLimits(connections=2))
    first, second = opened(pool, "a"), opened(pool, "b")
    assert pool.may_open("c") == (False, [])
    pool.give_back(second, 0.0)
    pool.give_back(first, 1.0)
    assert pool.may_open("c") == (True, [second])
    assert pool.take("b", 2.0) == (None, [])
    assert pool.take("a", 2.0) == (first, [])


def test_idle_ones_are_bounded() -> None:
    pool: Pool[Link] = Pool(PoolLimits(idle=1))
    first, second = opened(pool, "a"), opened(pool, "b")
    assert pool.give_back(first, 0.0) == []
    assert pool.give_back(second, 1.0) == [first]
    none: Pool[Link] = Pool(PoolLimits(idle=0))
    link = opened(none, "a")
    assert none.give_back(link, 0.0) == [link]


def test_clear_leaves_what_is_in_use() -> None:
    pool: Pool[Link] = Pool(PoolLimits())
    used, idle = opened(pool, "a"), opened(pool, "a")
    pool.give_back(idle, 0.0)
    assert pool.clear() == [idle]
    assert pool.open == 1
    assert pool.give_back(used, 0.0) == []


@pytest.mark.parametrize("limits", [{"connections": 0}, {"per_origin": 0}, {"idle": -1}, {"idle_seconds": -1}])
def test_limits_that_make_no_sense(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        PoolLimits(**limits)


KEYS = st.sampled_from(["a", "b", "c"])


class AnyUse(RuleBasedStateMachine):
    """No connection is lost, none is given out twice, none is used past its time, and the limits hold."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = PoolLimits(connections=4, per_origin=2, idle=2, idle_seconds=5)
        self.pool: Pool[Link] = Pool(self.limits)
        self.now = 0.0
        self.used: list[Link] = []
        self.idle: list[Link] = []

    def closed(self, links: list[Link]) -> None:
        for each in links:
            assert not each.closed
            each.closed = True
            if each in self.idle:
                self.idle.remove(each)

    @rule(seconds=st.sampled_from([0.0, 1.0, 4.0, 6.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=KEYS)
    def use(self, key: str) -> None:
        link, closing = self.pool.take(key, self.now)
        self.closed(closing)
        if link is None:
            may, closing = self.pool.may_open(key)
            self.closed(closing)
            if not may:
                assert not [each for each in self.idle if each.key == key]
                of_key = sum(each.key == key for each in self.used)
                assert of_key == self.limits.per_origin or len(self.used) == self.limits.connections
                return
            link = Link(key)
        else:
            assert link in self.idle
            assert link.idle_until > self.now
            self.idle.remove(link)
        assert not link.closed
        self.used.append(link)

    @rule(chance=st.integers(0, 3), hint=st.sampled_from([None, 0.0, 1.0, 50.0]))
    def give_back(self, chance: int, hint: float | None) -> None:
        if chance < len(self.used):
            link = self.used.pop(chance)
            self.idle.append(link)
            self.closed(self.pool.give_back(link, self.now, hint))

    @rule(chance=st.integers(0, 3))
    def drop(self, chance: int) -> None:
        if chance < len(self.used):
            self.pool.drop_key(self.used.pop(chance).key)

    @rule()
    def clear(self) -> None:
        self.closed(self.pool.clear())
        assert not self.idle

    @invariant()
    def counts_hold(self) -> None:
        assert self.pool.open == len(self.used) + len(self.idle) <= self.limits.connections
        assert self.pool.idle == len(self.idle) <= self.limits.idle


TestAnyUse = AnyUse.TestCase
TestAnyUse.settings = settings(max_examples=200, stateful_step_count=40)

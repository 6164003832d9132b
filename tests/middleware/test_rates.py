"""Token buckets: how many pass, who counts together, what is remembered, and what it costs."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salver.middleware import rate_limit
from salver.middleware.rates import Buckets, client_key
from salver.request import Request
from salver.response import Response
from tests.middleware.support import Peer, request


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def limited(limit: int, clock: Clock, **settings: Any) -> Any:
    wrapped = rate_limit(limit, clock=clock, **settings)(lambda request: "x")

    def ask(client: str = "192.0.2.7") -> Response:
        return wrapped(request(peer=Peer(client)))

    return ask


def test_so_many_pass_and_then_one_as_each_token_comes_back() -> None:
    clock = Clock()
    ask = limited(3, clock, per=60)
    assert [ask().status for _ in range(5)] == [200, 200, 200, 429, 429]
    clock.now += 19.9
    assert ask().status == 429
    clock.now += 0.2
    assert [ask().status for _ in range(2)] == [200, 429]
    clock.now += 1_000
    assert [ask().status for _ in range(4)] == [200, 200, 200, 429]


def test_what_the_client_is_told() -> None:
    clock = Clock()
    ask = limited(2, clock, per=60)
    first, second, refused = ask(), ask(), ask()
    assert first.headers["ratelimit-policy"] == '"default";q=2;w=60'
    assert [each.headers["ratelimit"] for each in (first, second, refused)] == [
        '"default";r=1;t=30', '"default";r=0;t=60', '"default";r=0;t=60',
    ]  # fmt: skip
    assert "retry-after" not in first.headers
    assert refused.status == 429 and refused.headers["retry-after"] == "30"
    clock.now += 29.5
    assert ask().headers["retry-after"] == "1"
    clock.now += int(refused.headers["retry-after"]) - 29.5
    assert ask().status == 200


def test_a_burst_of_its_own() -> None:
    clock = Clock()
    ask = limited(60, clock, per=60, burst=2)
    assert [ask().status for _ in range(3)] == [200, 200, 429]
    clock.now += 1
    assert [ask().status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
    ],
)
def test_whose_requests_count_together(client: str, key: str) -> None:
    assert client_key(request(peer=Peer(client))) == key


def test_clients_do_not_pay_for_each_other() -> None:
    ask = limited(1, Clock())
    assert [ask(client).status for client in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [200, 200, 429]
    assert [ask(client).status for client in ("2001:db8::1", "2001:db8::2:1", "2001:db8:0:1::1")] == [200, 429, 200]


def test_a_key_of_ones_own() -> None:
    def by_user(request: Request) -> str | None:
        return request.headers.get("x-user")

    wrapped = rate_limit(1, key=by_user)(lambda request: "x")
    assert [wrapped(request("/", {"X-User": user})).status for user in ("a", "b", "a")] == [200, 200, 429]
    uncounted = [wrapped(request()) for _ in range(3)]
    assert [each.status for each in uncounted] == [200, 200, 200] and "ratelimit" not in uncounted[0].headers


def test_a_long_key_is_not_remembered_as_it_is() -> None:
    made: list[Buckets] = []

    class Seen(Buckets):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("salver.middleware.rates.Buckets", Seen)
        wrapped = rate_limit(1, key=lambda request: request.headers["x-key"])(lambda: "x")
    keys = ["a" * 10_000, "a" * 10_001, "a" * 10_000, "b" * 128]
    assert [wrapped(request("/", {"X-Key": key})).status for key in keys] == [200, 200, 429, 200]
    assert max(map(len, made[0]._full_at)) == 128


def test_the_table_is_bounded_and_who_is_refused_is_not_forgotten() -> None:
    clock = Clock()
    buckets = Buckets(1, 60, 1, table=3, clock=clock)
    assert buckets.take("greedy").retry_in == 0
    for number in range(10):
        assert buckets.take(f"other {number}").retry_in == 0
        assert buckets.take("greedy").retry_in > 0
    assert len(buckets) == 3
    for number in range(10, 13):
        buckets.take(f"other {number}")
    assert buckets.take("greedy").retry_in == 0  # used longest ago


def test_who_was_let_in_again_is_not_the_one_that_was_used_longest_ago() -> None:
    buckets = Buckets(2, 60, 2, table=2, clock=Clock())
    for key in ("often", "once", "often", "new"):
        buckets.take(key)
    assert buckets.take("often").retry_in > 0  # "once" was forgotten


@pytest.mark.parametrize(
    "numbers",
    [
        (0, 60.0, 1, 9),
        (1, 0.0, 1, 9),
        (1, float("inf"), 1, 9),
        (1, float("nan"), 1, 9),
        (1, 60.0, 0, 9),
        (1, 1.0, 1, 0),
    ],
)
def test_numbers_that_limit_nothing(numbers: tuple[int, float, int, int]) -> None:
    limit, per, burst, table = numbers
    with pytest.raises(ValueError, match="more than nothing"):
        rate_limit(limit, per=per, burst=burst, table=table)


@given(
    st.integers(1, 50), st.floats(0.01, 100), st.integers(1, 50), st.lists(st.floats(0, 50), min_size=1, max_size=60)
)
def test_never_more_than_the_bucket_and_what_came_back(limit: int, per: float, burst: int, pauses: list[float]) -> None:
    clock = Clock()
    buckets = Buckets(limit, per, burst, table=5, clock=clock)
    began, passed = clock.now, 0
    for pause in pauses:
        clock.now += pause
        verdict = buckets.take("one")
        assert 0 <= verdict.left < burst and verdict.full_in >= 0
        passed += verdict.retry_in <= 0
        assert passed <= burst + (clock.now - began) * limit / per + 1e-6
        if verdict.retry_in > 0:  # it is true that one passes then
            later = Buckets(limit, per, burst, table=5, clock=clock)
            later._full_at.update(buckets._full_at)
            clock.now += verdict.retry_in
            assert later.take("one").retry_in <= 0
            clock.now -= verdict.retry_in


def test_many_threads_get_no_token_too_many() -> None:
    clock = Clock()
    buckets = Buckets(500, 60, 500, table=5, clock=clock)
    passed = [0] * 8

    def take(place: int) -> None:
        passed[place] = sum(buckets.take("one").retry_in <= 0 for _ in range(200))

    threads = [threading.Thread(target=take, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 500


def test_a_call_costs_the_same_however_many_there_are() -> None:
    def cost(keys: int) -> float:
        buckets = Buckets(10, 60, 10, table=100_000, clock=time.monotonic)
        names = [str(number) for number in range(keys)]
        for name in names:
            buckets.take(name)
        best = 1.0
        for _ in range(5):
            began = time.thread_time()
            for name in names[:1_000]:
                buckets.take(name)
            best = min(best, time.thread_time() - began)
        return best

    assert cost(100_000) < 8 * cost(1_000)


def test_the_refusal_is_a_page() -> None:
    ask = limited(1, Clock())
    ask()
    assert re.search(rb"<h1>429 Too Many Requests</h1>", bytes(ask().body))

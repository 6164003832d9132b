"""The instrument itself: it finds a race that is there, repeats it, and notices a deadlock."""

from __future__ import annotations

import pytest

from tests.net.interleaving import Deadlock, Lock, Schedule


class _Counter:
    def __init__(self) -> None:
        self.value = 0

    def increment(self) -> None:
        before = self.value
        self.value = before + 1


def _count(seed: int) -> int:
    schedule = Schedule(seed, ("test_interleaving",), switches=0.5)
    counter = _Counter()

    def main() -> None:
        ended = []

        def body() -> None:
            for _ in range(3):
                counter.increment()
            ended.append(1)

        for index in range(2):
            schedule.spawn(body, str(index))
        schedule.block(lambda: len(ended) == 2, None)

    schedule.run(main)
    return counter.value


def test_it_finds_a_lost_update_and_the_absence_of_one() -> None:
    assert {_count(seed) for seed in range(30)} > {6}


def test_the_same_seed_gives_the_same_run() -> None:
    assert [_count(seed) for seed in range(10)] == [_count(seed) for seed in range(10)]


def test_a_deadlock_is_an_error() -> None:
    schedule = Schedule(1, ())

    def main() -> None:
        lock = Lock(schedule)
        lock.acquire()
        lock.acquire()

    with pytest.raises(Deadlock):
        schedule.run(main)


def test_virtual_time_passes_only_in_the_schedule() -> None:
    schedule = Schedule(1, ())
    times = []

    def main() -> None:
        schedule.sleep(1000)
        times.append(schedule.now)

    schedule.run(main)
    assert 1100 <= times[0] < 1101

"""The crew's promises under every order of its threads that a few thousand runs reach.

No event is lost, none is handled twice, one thread leads, no member is served by two threads, threads are bounded,
deferred work is done or refused, and the end is clean. The poller, the clock and the locks are the test's; the code is
the crew's own, interrupted at any line or bytecode.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salver.net.crew import CrewSettings
from tests.net.crew_world import TRACED, World, in_schedule
from tests.net.interleaving import Schedule

ACTIONS = ["fast", "slow", "hand", "raise", "close", "reopen", "spawn", "accept", "pause", "errand", "deadline"]

Plan = list[tuple[int, str, float]]
plans = st.lists(
    st.tuples(st.integers(0, 7), st.sampled_from(ACTIONS), st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.02, 0.1, 1.5])),
    min_size=1,
    max_size=25,
)


@contextmanager
def _world(
    seed: int,
    opcodes: bool,
    crew: CrewSettings,
    on_tick: Callable[[Schedule], None] | None = None,
    stalls: float = 0.02,
) -> Iterator[World]:
    schedule = Schedule(seed, TRACED, switches=0.05 if opcodes else 0.15, opcodes=opcodes, stalls=stalls)
    with pytest.MonkeyPatch.context() as patch:
        in_schedule(patch, schedule)
        patch.setattr(logging.getLogger("salver.net.rounds"), "disabled", True)
        yield World(schedule, crew, (lambda now: on_tick(schedule)) if on_tick is not None else None)


def _ticking(kind: str) -> Callable[[Schedule], None] | None:
    inside: list[int] = []

    def tick(schedule: Schedule) -> None:
        schedule.check(not inside, "two threads in the tick")
        inside.append(1)
        schedule.sleep(0.05 if kind == "blocks" else 0.0001)
        inside.clear()

    return tick if kind != "none" else None


def _play(world: World, plan: Plan) -> None:
    for fd in range(8):
        world.crew.add(world.open(fd))
    world.crew.start()
    for fd, action, pause in plan:
        world.send(fd, action)
        world.check_threads()
        world.schedule.sleep(pause)


def _check_ended(world: World) -> None:
    assert world.crew.threads == world.crew.blocked == world.crew.waiting == 0
    assert world.poller.is_closed


@given(st.integers(0, 2**32), plans, st.integers(1, 4), st.booleans(), st.sampled_from(["none", "quick", "blocks"]))
@settings(max_examples=200)
def test_nothing_is_lost_or_done_twice_in_any_order(
    seed: int, plan: Plan, max_threads: int, opcodes: bool, tick: str
) -> None:
    crew = CrewSettings(max_threads=max_threads, queue=2, spare_threads=1, idle_after=0.1)
    with _world(seed, opcodes, crew, _ticking(tick)) as world:

        def main() -> None:
            _play(world, plan)
            world.schedule.block(world.settled, 30)
            assert world.settled(), f"lost: {[item for item in world.items if not item.ended]}"
            assert world.crew.stop(30)
            _check_ended(world)

        world.schedule.run(main)
    assert all(len(item.ended) == 1 for item in world.items)
    if max_threads == 1:
        assert not any(item.ended == ["refused"] for item in world.items)
    assert not any(member.detached for member in world.crew.members.values())


@given(st.integers(0, 2**32), plans, st.integers(1, 4), st.booleans(), st.booleans())
@settings(max_examples=200)
def test_a_stop_in_the_middle_ends_everything_and_loses_nothing_that_had_begun(
    seed: int, plan: Plan, max_threads: int, opcodes: bool, by_signal: bool
) -> None:
    with _world(seed, opcodes, CrewSettings(max_threads=max_threads, queue=2)) as world:

        def main() -> None:
            _play(world, plan)
            if by_signal:  # the leader is told, nobody waits
                world.crew.request_stop()
                world.schedule.block(lambda: world.crew.threads == 0, 30)
                assert world.crew.threads == 0
            assert world.crew.stop(30)
            _check_ended(world)

        world.schedule.run(main)
    waiting = {id(item) for items in world.pending.values() for item in items}
    for item in world.items:
        later = item.action in ("errand", "pause", "deadline")  # what the leader was asked to do later
        assert len(item.ended) == 1 or (not item.ended and (id(item) in waiting or later))


@given(
    st.integers(0, 2**32), st.booleans(), st.lists(st.floats(0.035, 0.065) | st.floats(0, 0.3), min_size=1, max_size=8)
)
@settings(max_examples=200)
def test_a_leader_that_blocks_is_replaced_before_long(seed: int, opcodes: bool, pauses: list[float]) -> None:
    """Whatever the overseer was doing (looking, falling asleep, sleeping) when the leader began to block."""
    with _world(seed, opcodes, CrewSettings(max_threads=12), stalls=0.0) as world:

        def main() -> None:
            quick, stuck = world.open(1), world.open(2)
            world.crew.add(quick)
            world.crew.add(stuck)
            world.crew.start()
            for pause in pauses:
                world.schedule.sleep(pause)
                world.send(2, "stuck")
                world.send(1, "fast")
                began = world.schedule.now
                world.schedule.block(lambda: bool(world.items[-1].ended), 5)
                # Two looks, and what the other threads' steps take of virtual time.
                assert world.schedule.now - began < 0.2
                world.schedule.block(world.settled, 5)
            assert stuck.rescues == [True] * len(stuck.rescues)
            assert world.crew.stop(30)

        world.schedule.run(main)

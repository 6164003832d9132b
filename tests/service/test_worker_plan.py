"""What becomes of the workers, without a process: crashes, silence, replacement and stop under a clock of our own."""

from __future__ import annotations

from salver.service.worker_plan import Staff, Start, Tell, WorkerTimes
from tests.service.worker_world import TIMES, World


class TestStarting:
    def test_as_many_as_asked_for(self):
        assert World(3).running().serving == [1, 2, 3]

    def test_one_that_says_none_will_start_ends_everything(self):
        world = World(2)
        world.settle()
        assert "stopping" in world.dies(1, cannot_start=True)
        assert world.staff.hopeless
        assert world.orders == [(2, Tell.STOP)]
        world.dies(2, cannot_start=True)
        assert world.staff.finished

    def test_later_it_does_not(self):
        world = World(2).running()
        world.passes(60)
        assert world.dies(1, cannot_start=True) == "starting another"
        assert not world.staff.hopeless

    def test_one_that_does_not_come_up_is_killed(self):
        world = World(1)
        world.settle()
        world.passes(59)
        assert not world.kills
        world.passes(1)
        assert world.kills == [(1, "it did not start within 60 s")]


class TestCrashes:
    def test_one_that_served_is_replaced_at_once(self):
        world = World(2).running()
        world.passes(60)
        assert world.dies(1) == "starting another"
        assert world.pids == [2, 3]

    def test_the_first_failure_costs_nothing_either(self):
        world = World(1)
        world.settle()
        world.dies(1)
        assert world.pids == [2]

    def test_delays_grow_and_end_somewhere(self):
        world = World(1)
        world.settle()
        delays = []
        for _ in range(10):
            world.dies(world.pids[0])
            before = world.now
            while not world.pids:
                world.passes(0.5)
            delays.append(world.now - before)
        assert delays == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]

    def test_several_that_die_together_are_one_failure(self):
        world = World(8)
        world.settle()
        for _ in range(3):
            for pid in world.pids:
                world.staff.ended(pid, world.now)
            world.settle()
            before = world.now
            while not world.pids:
                world.passes(0.1)
        assert world.now - before <= 2.1

    def test_a_worker_that_stays_ends_the_series(self):
        world = World(1)
        world.settle()
        for _ in range(5):
            world.dies(world.pids[0])
            world.passes(40)
        world.ready()
        world.passes(TIMES.settle)
        world.dies(world.pids[0])
        assert world.pids

    def test_others_that_serve_do_not_end_the_series(self):
        """One slot that crashes over and over is delayed, however well its neighbours are."""
        world = World(2).running()
        world.passes(100)
        starts = world.started
        for _ in range(600):
            for pid in world.pids:
                if pid > 2:
                    world.dies(pid)
            if 1 in world.pids:
                world.staff.heard(1, world.now)
            if 2 in world.pids and world.started == starts:
                world.dies(2)
            world.passes(0.1)
        assert world.started - starts <= 9

    def test_forking_fails(self):
        world = World(1)
        assert world.staff.decide(world.now) == [Start()]
        assert world.staff.not_started(world.now) == 0
        assert world.staff.not_started(world.now) == 0.5
        assert world.staff.decide(world.now) == []
        world.passes(0.5)
        assert world.pids


class TestSilence:
    def test_a_silent_worker_is_killed_and_replaced(self):
        world = World(2).running()
        world.passes(20)
        world.silent = {1}
        world.passes(9)
        assert not world.kills
        world.passes(1.5)
        assert [pid for pid, _ in world.kills] == [1]
        assert "nothing was heard of it" in world.kills[0][1]
        world.dies(1)
        assert world.pids == [2, 3]

    def test_it_is_killed_once(self):
        world = World(1).running()
        world.silent = {1}
        world.passes(40)
        assert len(world.kills) == 1

    def test_zero_never_kills(self):
        world = World(1, WorkerTimes(heartbeat=0)).running()
        world.silent = {1}
        world.passes(1000)
        assert not world.kills

    def test_nobody_is_killed_for_the_time_in_which_nobody_looked(self):
        """The master was stopped, or the machine asleep, for an hour; words of then may come late."""
        world = World(2).running()
        world.passes(20)
        world.now += 3600
        world.settle()
        world.passes(5)
        assert not world.kills

    def test_nor_while_it_starts_or_leaves(self):
        world = World(1)
        world.settle()
        world.now += 3600
        world.settle()
        world.ready()
        world.staff.stop()
        world.settle()
        world.now += 3600
        world.settle()
        assert not world.kills

    def test_silence_counts_on_after_that(self):
        world = World(1).running()
        world.now += 3600
        world.settle()
        world.silent = {1}
        world.passes(11)
        assert world.kills


class TestReplacing:
    def test_one_by_one_and_the_new_one_first(self):
        world = World(3).running()
        world.staff.reload()
        seen = []
        for _ in range(3):
            world.settle()
            seen.append((world.serving, world.pids))
            world.replace_once()
        assert seen == [([1, 2, 3], [1, 2, 3, 4]), ([2, 3, 4], [2, 3, 4, 5]), ([3, 4, 5], [3, 4, 5, 6])]
        assert world.pids == [4, 5, 6]

    def test_an_old_one_is_told_to_retire_not_to_stop(self):
        world = World(1).running()
        world.staff.reload()
        world.settle()
        world.ready()
        assert world.orders == [(1, Tell.RETIRE)]

    def test_the_next_does_not_wait_until_the_old_one_has_gone(self):
        world = World(2).running()
        world.staff.reload()
        world.settle()
        world.ready()
        world.ready()
        assert [what for _, what in world.orders] == [Tell.RETIRE, Tell.RETIRE]
        assert world.serving == [3, 4]

    def test_one_that_does_not_leave_is_killed(self):
        world = World(1).running()
        world.staff.reload()
        world.settle()
        world.ready()
        world.passes(TIMES.stop + TIMES.patience + TIMES.kill + 1)
        assert world.kills == [(1, "it did not end in time")]

    def test_where_the_first_new_one_fails_the_old_ones_stay(self):
        world = World(2).running()
        world.passes(20)
        world.staff.reload()
        world.settle()
        assert world.pids == [1, 2, 3]
        assert world.dies(3, cannot_start=True) == "the old workers stay"
        world.passes(100)
        assert world.pids == [1, 2]

    def test_where_a_later_one_fails_it_is_tried_again(self):
        world = World(2).running()
        world.passes(20)
        world.staff.reload()
        world.settle()
        world.replace_once()
        assert world.pids == [2, 3, 4]
        assert world.dies(4) == "starting another"
        world.replace_once()
        assert len(world.serving) == 2
        assert min(world.serving) > 2

    def test_an_old_one_that_dies_while_another_is_replaced(self):
        world = World(3).running()
        world.passes(20)
        world.staff.reload()
        world.settle()
        world.dies(1)
        assert world.pids == [2, 3, 4]
        for _ in range(3):
            world.replace_once()
        assert len(world.serving) == 3
        assert min(world.serving) > 3

    def test_a_reload_during_a_reload(self):
        world = World(2).running()
        world.staff.reload()
        world.settle()
        world.staff.reload()
        for _ in range(6):
            world.settle()
            world.replace_once()
        assert len(world.pids) == 2
        assert min(world.pids) > 3

    def test_twenty_in_a_row(self):
        world = World(2).running()
        for _ in range(20):
            world.staff.reload()
            world.settle()
            assert len(world.serving) >= 2
        for _ in range(3):
            world.replace_once()
            assert len(world.serving) >= 2


class TestStopping:
    def test_everybody_is_told_once_and_nobody_is_started(self):
        world = World(2).running()
        world.staff.stop()
        world.passes(5)
        assert world.orders == [(1, Tell.STOP), (2, Tell.STOP)]
        world.dies(1)
        world.dies(2)
        assert world.pids == []
        assert world.staff.finished

    def test_the_second_time_they_hurry(self):
        world = World(1).running()
        world.staff.stop()
        world.settle()
        world.staff.stop()
        world.settle()
        assert world.orders == [(1, Tell.STOP), (1, Tell.HURRY)]
        world.passes(TIMES.kill)
        assert world.kills == [(1, "it did not end in time")]

    def test_a_third_time_changes_nothing(self):
        world = World(1).running()
        for _ in range(3):
            world.staff.stop()
            world.settle()
        assert len(world.orders) == 2

    def test_who_was_retiring_is_told_too(self):
        world = World(1).running()
        world.staff.reload()
        world.settle()
        world.ready()
        world.staff.stop()
        world.settle()
        assert world.orders == [(1, Tell.RETIRE), (1, Tell.STOP), (2, Tell.STOP)]

    def test_who_is_starting_too(self):
        world = World(1)
        world.settle()
        world.staff.stop()
        world.settle()
        assert world.orders == [(1, Tell.STOP)]

    def test_past_the_time_they_are_killed(self):
        world = World(1).running()
        world.staff.stop()
        world.settle()
        world.passes(TIMES.stop + TIMES.kill - 1)
        assert not world.kills
        world.passes(1)
        assert world.kills


def test_news_of_somebody_unknown_is_nothing():
    staff = Staff(1, TIMES)
    staff.ready(7, 0.0)
    staff.heard(7, 0.0)
    assert staff.workers == {}

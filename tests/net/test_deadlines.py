"""The survey of deadlines, and when the next one is due."""

from __future__ import annotations

import math
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from salver.net.deadlines import Calendar, survey


@dataclass
class Dated:
    deadline: float
    detached: bool = False


members = st.lists(st.builds(Dated, st.floats(0, 100) | st.just(math.inf), st.booleans()))


@given(members, st.floats(0, 100))
def test_the_survey_finds_all_that_are_due_and_the_earliest_of_the_rest(all_of_them: list[Dated], now: float) -> None:
    due, earliest = survey(all_of_them, now)
    ours = [member for member in all_of_them if not member.detached]
    assert due == [member for member in ours if member.deadline <= now]
    assert earliest == min([member.deadline for member in ours if member.deadline > now], default=math.inf)


def test_a_calendar_is_due_at_once_at_first() -> None:
    assert Calendar(1.0).timeout(5.0) == 0.0


def test_without_deadlines_it_sleeps_for_ever_until_something_happens() -> None:
    calendar = Calendar(1.0)
    calendar.plan(10.0, math.inf, more=False)
    assert calendar.timeout(10.0) is None
    calendar.hasten(50.0)
    assert calendar.timeout(50.0) == 1.0
    assert calendar.timeout(52.0) == 0.0


def test_with_a_deadline_it_sleeps_until_then() -> None:
    calendar = Calendar(1.0)
    calendar.plan(10.0, 85.0, more=False)
    assert calendar.timeout(10.0) == 75.0


def test_deadlines_a_moment_apart_share_a_survey() -> None:
    calendar = Calendar(1.0)
    calendar.plan(10.0, 10.001, more=False)
    assert calendar.timeout(10.0) == 0.25


def test_where_there_may_be_more_than_was_seen_it_keeps_its_rhythm() -> None:
    calendar = Calendar(1.0)
    calendar.plan(10.0, math.inf, more=True)
    assert calendar.timeout(10.0) == 1.0
    calendar.hasten(10.5)
    assert calendar.due == 11.0

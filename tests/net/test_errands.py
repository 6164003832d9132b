"""Errands: in order, parked with their members, dropped with them."""

from __future__ import annotations

import pytest

from salver.net.errands import Errand, Errands


def _nothing() -> None:
    pass


def test_they_come_in_the_order_in_which_they_were_put() -> None:
    errands, first, second = Errands(), Errand(_nothing, None), Errand(_nothing, None)
    errands.put(first)
    errands.put(second)
    assert len(errands) == 2
    assert errands.pop() is first
    assert errands.pop() is second
    with pytest.raises(IndexError):
        errands.pop()


def test_a_parked_one_waits_for_its_member() -> None:
    errands, errand = Errands(), Errand(_nothing, None)
    errands.park(7, errand)
    assert len(errands) == 0
    assert not errands.release(8)
    assert errands.release(7)
    assert errands.pop() is errand
    assert not errands.release(7)


def test_a_parked_one_goes_with_its_member() -> None:
    errands = Errands()
    errands.park(7, Errand(_nothing, None))
    errands.drop(7)
    errands.drop(7)
    assert not errands.release(7)

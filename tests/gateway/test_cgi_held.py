"""The queue of what a script has said: in memory, then in a file, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from salver.gateway.cgi_held import Held
from tests.gateway.support import descriptors


@given(st.lists(st.one_of(st.binary(max_size=40), st.integers(1, 50))))
def test_what_goes_in_comes_out_in_order(steps: list[bytes | int]) -> None:
    held, expected = Held(64), b""
    for step in steps:
        if isinstance(step, bytes):
            held.add(step)
            expected += step
        else:
            data = held.take(step)
            assert bool(data) == bool(expected)
            assert expected.startswith(data) and len(data) <= step
            expected = expected[len(data) :]
        assert held.length == len(expected)
    while data := held.take():
        assert expected.startswith(data)
        expected = expected[len(data) :]
    assert not expected and not held.length


def test_a_file_is_let_go_of() -> None:
    before = descriptors()
    held = Held(10)
    held.add(b"x" * 5)
    assert held.beginning == b"xxxxx" and descriptors() == before
    held.add(b"y" * 20)
    assert descriptors() == before + 1
    assert held.take(100) + held.take(100) == b"xxxxx" + b"y" * 20
    assert descriptors() == before
    held.add(b"z" * 20)
    held.close()
    assert descriptors() == before and held.take() == b""

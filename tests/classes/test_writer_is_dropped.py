"""A writer that is let go of with something kept in it says nothing into a connection that has ended."""

from __future__ import annotations

import gc

from salver.classes.writing import ResponseWriter


def test_dropping_a_writer_flushes_nothing() -> None:
    pushed: list[int] = []

    class Watched(ResponseWriter):
        def flush(self) -> None:
            pushed.append(1)

    writer = Watched(None)
    del writer
    gc.collect()
    assert pushed == []

"""Bodies collected in memory and in files, and streamed through a buffer."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from salver.service.bodies import BodyCollector, BodyTooLarge, buffered


@pytest.mark.parametrize("sizes", [[], [1], [10], [10, 1], [4, 4, 4, 4]])
def test_what_went_in_comes_out(sizes: list[int]) -> None:
    collector = BodyCollector(limit=100, in_memory=10, started=0.0)
    whole = b""
    for number, size in enumerate(sizes):
        piece = bytes([65 + number]) * size
        collector.add(piece)
        whole += piece
    body = collector.finish()
    assert isinstance(body, bytes) is (len(whole) <= 10)
    assert (body if isinstance(body, bytes) else body.read()) == whole
    assert collector.received == len(whole)
    collector.close()
    collector.close()


@pytest.mark.parametrize(("limit", "fits"), [(5, True), (4, False)])
def test_the_limit_is_inclusive(limit: int, fits: bool) -> None:
    collector = BodyCollector(limit=limit, in_memory=100, started=0.0)
    if fits:
        collector.add(b"x" * 5)
        return
    with pytest.raises(BodyTooLarge):
        collector.add(b"x" * 5)


def test_an_abandoned_file_is_closed() -> None:
    collector = BodyCollector(limit=100, in_memory=1, started=0.0)
    collector.add(b"abc")
    file = collector.finish()
    collector.close()
    assert not isinstance(file, bytes) and file.closed


def test_a_disk_that_is_full_is_told_when_a_body_comes_and_not_when_it_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", lambda prefix: Path("/dev/full").open("wb"))  # noqa: SIM115
    collector = BodyCollector(limit=100_000, in_memory=1, started=0.0)
    collector.add(b"abc")  # stays in the file's buffer
    with pytest.raises(OSError, match="No space"):
        collector.finish()
    collector.close()
    collector.close()


def test_a_body_in_tiny_pieces_weighs_what_it_is_long() -> None:
    tracemalloc.start()
    collector = BodyCollector(limit=1 << 20, in_memory=1 << 20, started=0.0)
    for number in range(100_000):
        collector.add(number.to_bytes(2, "big", signed=False) if number < 65_536 else b"xy")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 600_000
    assert len(collector.finish()) == 200_000  # type: ignore[arg-type]


def test_a_stream_reads_lines_and_pieces_whatever_the_pieces_were() -> None:
    pieces = [b"a\nb", b"c\n", b"d", b""]
    stream = buffered(lambda: pieces.pop(0) if pieces else b"")
    assert stream.readline() == b"a\n"
    assert stream.read(1) == b"b"
    assert stream.read() == b"c\nd"
    assert stream.read() == b"" and stream.readable()

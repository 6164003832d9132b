"""The access log's queue and its writer: nothing blocks the one who adds, nothing is torn, what is lost is counted."""

from __future__ import annotations

import io
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from salver.protocol.heads import Section
from salver.service.access_log import AccessLog

SECTION = Section(b"Host: a\r\n\r\n", 1)


def add(log: AccessLog, target: str = "/", section: Section | None = SECTION) -> None:
    log.add("127.0.0.1", "GET", target, 1, 200, 5, 0.001, section)


@contextmanager
def started(*arguments: object, **settings: object) -> Iterator[AccessLog]:
    log = AccessLog(*arguments, **settings)  # type: ignore[arg-type]
    log.start()
    try:
        yield log
    finally:
        log.close()


class BrokenFile(io.RawIOBase):
    """Takes `room` bytes, then fails as a full disk does."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room
        self.taken = b""

    def take(self, data: bytes) -> tuple[int, Exception | None]:
        fits = data[: self.room]
        self.room -= len(fits)
        self.taken += fits
        full = len(fits) < len(data)
        return len(fits), OSError(28, "No space left on device") if full else None


class BrokenOutput:
    """An `Output` on a `BrokenFile`."""

    name = "broken"

    def __init__(self, file: BrokenFile) -> None:
        self.file = file

    def write(self, data: bytes) -> tuple[int, Exception | None]:
        return self.file.take(bytes(data))

    def reopen(self) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.fixture
def broken(monkeypatch) -> Iterator[tuple[AccessLog, BrokenFile]]:
    """A started log whose destination has as much room as the test gives it; its batches are written by `flush`."""
    file = BrokenFile(0)
    monkeypatch.setattr("salver.service.access_log.open_output", lambda _: BrokenOutput(file))
    monkeypatch.setattr("salver.service.access_log.INTERVAL", 60)
    with started("{target}", "anywhere") as log:
        yield log, file


class TestDestinations:
    def test_a_path_is_appended_to(self, tmp_path):
        path = tmp_path / "a.log"
        path.write_text("before\n")
        with started("{target}", path) as log:
            add(log, "/x")
        assert path.read_text() == "before\n/x\n"

    def test_text_and_binary_files_of_the_caller_stay_open(self):
        for file, line in ((io.StringIO(), "/x\n"), (io.BytesIO(), b"/x\n")):
            with started("{target}", file) as log:
                add(log, "/x")
            assert file.getvalue() == line

    def test_standard_output(self, capfd):
        with started("{target}", "-") as log:
            add(log, "/x")
        assert capfd.readouterr().out == "/x\n"

    def test_nowhere(self):
        with started("combined", None) as log:
            add(log)
            log.tick()
            assert log.flush()
            assert not log._entries

    def test_nothing_is_opened_before_start(self, tmp_path):
        log = AccessLog("combined", tmp_path / "a.log")
        log.close()
        assert not list(tmp_path.iterdir())

    def test_a_path_that_cannot_be_opened(self, tmp_path):
        log = AccessLog("combined", tmp_path / "none" / "a.log")
        with pytest.raises(FileNotFoundError, match=r"a\.log"):
            log.start()

    def test_a_fifo_that_nobody_reads_is_an_error_not_a_hang(self, tmp_path):
        os.mkfifo(tmp_path / "fifo")
        with pytest.raises(OSError, match="fifo"):
            AccessLog("combined", tmp_path / "fifo").start()

    def test_a_bad_format_is_an_error_at_once(self):
        with pytest.raises(ValueError, match="no field"):
            AccessLog("{bad}")


class TestBatches:
    def test_lines_are_written_without_being_asked_for(self, tmp_path):
        path = tmp_path / "a.log"
        with started("{target}", path) as log:
            add(log, "/x")
            assert path.read_text() == ""
            deadline = time.monotonic() + 5
            while not path.read_text() and time.monotonic() < deadline:
                time.sleep(0.02)
            assert path.read_text() == "/x\n"

    def test_flush_waits(self, tmp_path):
        path = tmp_path / "a.log"
        with started("{target}", path) as log:
            for number in range(1000):
                add(log, f"/{number}")
            assert log.flush()
            assert path.read_text().split() == [f"/{number}" for number in range(1000)]

    def test_many_threads(self, tmp_path):
        path = tmp_path / "a.log"
        with started("json", path) as log:

            def add_many() -> None:
                for _ in range(2000):
                    add(log)

            threads = [threading.Thread(target=add_many) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        lines = path.read_text().splitlines()
        assert len(lines) == 8000
        assert all(json.loads(line)["target"] == "/" for line in lines)

    def test_the_clock_is_asked_by_ticks_alone(self):
        file = io.StringIO()
        times = iter([100.0, 200.0, 300.0, 400.0, 500.0])
        log = AccessLog("{time_unix} {target}", file, wall_clock=lambda: next(times))
        log._append(log._wall())
        add(log, "/a")
        log.tick()
        add(log, "/b")
        assert [line.split()[0] for line in log._format.render(log._entries)] == ["100", "200"]

    def test_a_batch_that_cannot_be_rendered_does_not_end_the_log(self, tmp_path, caplog):
        path = tmp_path / "a.log"
        with started("combined", path) as log:
            log.add(1, 2, 3, 4, 5, 6, 7, 8)  # type: ignore[arg-type]
            assert log.flush()
            add(log, "/after")
            assert log.flush()
        assert "/after" in path.read_text()
        assert "a batch" in caplog.text

    def test_close_twice_and_flush_after(self, tmp_path):
        with started("combined", tmp_path / "a.log") as log:
            log.close()
            assert log.flush(0.1)


class TestRotation:
    def test_reopen_follows_the_path(self, tmp_path):
        path, old = tmp_path / "a.log", tmp_path / "a.log.1"
        with started("{target}", path) as log:
            add(log, "/1")
            log.flush()
            path.rename(old)
            add(log, "/2")
            log.flush()
            log.reopen()
            log.flush()
            add(log, "/3")
        assert (old.read_text(), path.read_text()) == ("/1\n/2\n", "/3\n")

    def test_where_it_cannot_be_opened_the_old_file_stays(self, tmp_path, caplog):
        folder = tmp_path / "logs"
        folder.mkdir()
        with started("{target}", folder / "a.log") as log:
            folder.rename(tmp_path / "moved")
            log.reopen()
            add(log, "/1")
            log.flush()
        assert (tmp_path / "moved" / "a.log").read_text() == "/1\n"
        assert "cannot reopen" in caplog.text

    def test_reopen_leaks_no_descriptor(self, tmp_path):
        with started("{target}", tmp_path / "a.log") as log:
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(20):
                log.reopen()
                log.flush()
            assert len(os.listdir("/proc/self/fd")) == before


class TestFailure:
    def test_lines_that_do_not_fit_are_counted_and_told_of(self, broken, caplog):
        log, file = broken
        for name in ("/1", "/2", "/3"):
            add(log, name)
        file.room = 4  # "/1\n" and a byte of the next
        log.flush()
        add(log, "/4")
        log.flush()
        file.room = 1000
        add(log, "/5")
        log.flush()
        assert file.taken == b"/1\n/2\n# 2 lines lost: No space left on device\n/5\n"
        assert "No space left" in caplog.text
        assert "takes lines again; 2 were lost" in caplog.text

    @pytest.mark.parametrize("room", range(60))
    def test_no_line_is_ever_torn(self, broken, room):
        log, file = broken
        sent = 0
        for size in (0, 3, 1, room, 0, 7, 1000):
            for _ in range(3):
                add(log, f"/{sent}")
                sent += 1
            file.room = size
            log.flush()
        lines = file.taken.decode().splitlines()
        kept = [line for line in lines if line.startswith("/")]
        told = sum(int(line.split()[1]) for line in lines if line.startswith("# "))
        assert all(line.startswith(("/", "# ")) for line in lines)
        assert len(kept) + told == sent
        assert len(set(kept)) == len(kept)

    def test_an_outage_is_one_line_on_the_logger(self, broken, caplog):
        log, _ = broken
        for _ in range(50):
            add(log)
            log.flush()
        assert len(caplog.records) == 1

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
    def test_a_full_device(self, caplog):
        with started("combined", "/dev/full") as log:
            add(log)
            log.flush()
            assert log._lost == 1
        assert "No space left" in caplog.text

    def test_a_reader_that_has_gone(self, tmp_path, caplog):
        os.mkfifo(tmp_path / "fifo")
        reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        with started("combined", tmp_path / "fifo") as log:
            os.close(reader)
            add(log)
            log.flush()
        assert "Broken pipe" in caplog.text

    def test_a_closed_file_object(self, caplog):
        file = io.StringIO()
        with started("combined", file) as log:
            file.close()
            add(log)
            log.flush()
        assert "closed file" in caplog.text


@pytest.fixture
def stuck(tmp_path) -> Iterator[tuple[AccessLog, int]]:
    """A log whose writer sits in a pipe that nobody reads, and the pipe's other end."""
    os.mkfifo(tmp_path / "fifo")
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog("{target}", tmp_path / "fifo", capacity=100)
    log.start()
    while log.flush(0.2):
        log._entries.extend([("c", "GET", "x" * 70_000, 1, 200, 0, 0.0, None)])
    yield log, reader
    drain(log, reader)


def drain(log: AccessLog, reader: int) -> bytes:
    """Everything that comes out of the pipe until the log has been closed; b"" where that has been done before."""
    try:
        os.set_blocking(reader, True)
    except OSError:
        return b""
    with os.fdopen(reader, "rb") as file, ThreadPoolExecutor(1) as pool:
        received = pool.submit(file.read)
        log.close()
        thread = log._thread
        assert thread is not None
        thread.join()
        log.close()
        return received.result()


class TestAPipeThatNobodyReads:
    def test_adding_goes_on_and_memory_is_bounded(self, stuck):
        log, _ = stuck
        started_at = time.monotonic()
        for _ in range(50):
            for _ in range(1000):
                add(log)
            log.tick()
        assert time.monotonic() - started_at < 10
        assert len(log._entries) <= 101

    def test_what_was_dropped_is_told_when_it_is_read_again(self, stuck):
        log, reader = stuck
        for number in range(1000):
            add(log, f"/{number}")
        log.tick()
        lines = drain(log, reader).decode().split("\n")
        told = [line for line in lines if line.startswith("# ")]
        kept = [line for line in lines if line.startswith("/")]
        assert told == [f"# {1000 - len(kept)} lines lost: more requests than the log could take"]
        assert kept == [f"/{number}" for number in range(1000 - len(kept), 1000)]
        assert 95 <= len(kept) <= 100

    def test_close_does_not_wait_for_it(self, stuck, caplog):
        log, _ = stuck
        started_at = time.monotonic()
        with caplog.at_level(logging.WARNING):
            log.close(timeout=0.2)
        assert time.monotonic() - started_at < 5
        assert "takes no lines" in caplog.text


def test_large_header_sections_lower_the_capacity(monkeypatch):
    log = AccessLog("combined", io.StringIO())
    big = Section(b"X: " + b"x" * 32_000 + b"\r\n\r\n", 1)
    for _ in range(40_000):
        add(log, section=big)
    log.tick()
    assert len(log._entries) < 2_100


def test_adding_is_cheap():
    log = AccessLog("combined", io.StringIO())
    best = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(10_000):
            log.add("127.0.0.1", "GET", "/", 1, 200, 5, 0.001, SECTION)
        best = min(best, (time.perf_counter() - begun) / 10_000)
    assert best < 3e-6  # ten times what it takes where nothing else runs

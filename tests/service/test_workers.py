"""Real masters with real workers: forked, killed, stopped, replaced, orphaned."""

from __future__ import annotations

import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from salver.service.worker_plan import WorkerTimes
from salver.service.workers import Master, available_cpus

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="worker processes need fork")

ROOT = Path(__file__).parents[2]


class Crew:
    """A running `worker_app`, and what it has printed."""

    def __init__(self, size: int, mode: str, times: dict[str, float]) -> None:
        words = [str(size), mode, *(f"{name}={seconds}" for name, seconds in times.items())]
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker_app.py")), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        )
        self.events: queue.Queue[str] = queue.Queue()
        self.log: list[str] = []
        self.threads = [
            threading.Thread(target=self._read, args=(self.process.stdout, self.events.put)),
            threading.Thread(target=self._read, args=(self.process.stderr, self.log.append)),
        ]
        for thread in self.threads:
            thread.start()
        self.port = int(self.event("port")[0])

    def _read(self, pipe, put) -> None:
        for line in pipe:
            put(line.rstrip("\n"))
        pipe.close()

    def event(self, name: str, within: float = 10.0) -> list[str]:
        """The words of the next event of this name; others before it are dropped."""
        end = time.monotonic() + within
        while True:
            first, *rest = self.events.get(timeout=max(0.01, end - time.monotonic())).split()
            if first == name:
                return rest

    def starts(self, count: int) -> list[int]:
        return [int(self.event("start")[0]) for _ in range(count)]

    def ask(self, word: str = "pid") -> int:
        """One word to whichever worker takes it: its process id."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(word.encode())
            return int(connection.recv(100))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def logged(self, pattern: str, within: float = 10.0) -> str:
        end = time.monotonic() + within
        while time.monotonic() < end:
            for line in list(self.log):
                if re.search(pattern, line):
                    return line
            time.sleep(0.01)
        raise AssertionError(f"{pattern!r} was not logged in {self.log}")

    def ends(self, within: float = 10.0) -> int:
        code = self.process.wait(within)
        for thread in self.threads:
            thread.join(5)
        return code


@contextmanager
def crew(size: int = 2, mode: str = "plain", **times: float) -> Iterator[Crew]:
    running = Crew(size, mode, times)
    try:
        yield running
    finally:
        running.process.kill()  # the workers see it, and end by themselves
        running.ends()


def gone(pid: int, within: float = 10.0) -> bool:
    """The process ends, or is a zombie that nobody of us has to bury."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


class TestServing:
    def test_as_many_as_asked_for(self):
        with crew(3) as running:
            pids = running.starts(3)
            assert len(set(pids)) == 3
            assert running.ask() in pids

    def test_one_that_is_killed_is_replaced_at_once(self):
        with crew(2) as running:
            first, _ = running.starts(2)
            begun = time.monotonic()
            os.kill(first, signal.SIGKILL)
            running.starts(1)
            assert time.monotonic() - begun < 5
            assert running.logged(rf"worker {first} was ended by SIGKILL; starting another")

    def test_one_that_ends_itself_is_replaced(self):
        with crew(1) as running:
            running.starts(1)
            with pytest.raises((ConnectionError, ValueError)):
                running.ask("exit")
            running.starts(1)
            assert running.logged("has ended with code 7; starting another")

    def test_a_stopped_one_is_noticed(self):
        with crew(2, heartbeat=1) as running:
            first, _ = running.starts(2)
            running.logged(f"worker {first} serves")
            os.kill(first, signal.SIGSTOP)
            running.starts(1)
            assert running.logged(rf"worker {first} is killed: nothing was heard of it for 1 s")

    def test_one_that_hangs_is_noticed(self):
        with crew(1, heartbeat=1) as running:
            (first,) = running.starts(1)
            running.logged(f"worker {first} serves")
            assert running.ask("hang") == first
            assert running.starts(1) != [first]

    def test_those_that_are_well_are_left_alone(self):
        with crew(2, heartbeat=0.5) as running:
            pids = running.starts(2)
            time.sleep(1.5)
            assert running.ask() in pids
            assert running.events.empty()

    def test_a_master_that_was_stopped_kills_nobody(self):
        with crew(1, heartbeat=1) as running:
            (pid,) = running.starts(1)
            os.kill(pid, signal.SIGSTOP)
            running.signal(signal.SIGSTOP)
            time.sleep(3.5)
            running.signal(signal.SIGCONT)
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.5)
            assert running.ask() == pid


class TestNotStarting:
    def test_one_that_says_none_can_start(self):
        with crew(2, "cannot-start") as running:
            assert running.ends() == 1
            assert running.logged("RuntimeError: this handler cannot be imported")
            assert running.logged("with code 3; no other could do better, stopping")

    def test_crashes_come_slower_and_slower(self):
        with crew(1, "crash", delay=0.2) as running:
            assert running.logged("ended by SIGSEGV; starting another in 0.4 s")
            count = len([line for line in running.log if "SIGSEGV" in line])
            time.sleep(1)
            assert len([line for line in running.log if "SIGSEGV" in line]) <= count + 2
            running.signal(signal.SIGTERM)
            assert running.ends() == 0


class TestStopping:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_gracefully(self, number):
        with crew(2, stop=7) as running:
            pids = running.starts(2)
            running.signal(number)
            assert sorted(running.event("stop")[1:] for _ in pids) == [["7.0", "0.0"]] * 2
            assert running.ends() == 0
            assert all(gone(pid) for pid in pids)

    def test_what_a_handler_registers_for_the_end_is_done_and_the_masters_is_done_once(self):
        with crew(2) as running:
            pids = running.starts(2)
            running.signal(signal.SIGTERM)
            assert {int(running.event("exit")[0]) for _ in pids} == set(pids)
            assert running.ends() == 0
            left = [line for line in running.events.queue if line.startswith(("exit", "master-exit"))]
            assert left == [f"master-exit {running.process.pid}"]

    def test_a_second_signal_is_at_once(self):
        with crew(2, "slow") as running:
            running.starts(2)
            running.signal(signal.SIGTERM)
            running.event("stop")
            begun = time.monotonic()
            running.signal(signal.SIGTERM)
            assert running.ends() == 128 + signal.SIGTERM
            assert time.monotonic() - begun < 5  # of 30

    def test_past_its_time_a_worker_is_killed(self):
        with crew(1, "stubborn", stop=0.3, kill=0.3) as running:
            running.starts(1)
            running.signal(signal.SIGTERM)
            assert running.ends() == 0
            assert running.logged("is killed: it did not end in time")

    def test_ctrl_c_reaches_everybody_and_counts_once(self):
        """A terminal sends SIGINT to the whole group, a service manager SIGTERM to every process."""
        with crew(2, stop=9) as running:
            pids = running.starts(2)
            for number in (signal.SIGINT, signal.SIGTERM):
                for pid in pids:
                    os.kill(pid, number)
            running.signal(signal.SIGTERM)
            assert running.ends() == 0
            stops = [words.split()[2:] for words in list(running.events.queue) if words.startswith("stop")]
            assert ["0.0", "0.0"] not in stops  # nobody was hurried
            assert len([line for line in running.log if "killed" in line]) == 0

    def test_a_worker_that_is_sent_sigterm_by_somebody_retires(self):
        with crew(1, stop=9, patience=2) as running:
            (pid,) = running.starts(1)
            os.kill(pid, signal.SIGTERM)
            assert running.event("stop") == [str(pid), "11.0", "2.0"]
            running.starts(1)

    def test_idle_connections_have_the_time_for_one_more_request(self):
        with crew(1, stop=9, last_request=4) as running:
            (pid,) = running.starts(1)
            running.signal(signal.SIGTERM)
            assert running.event("stop") == [str(pid), "9.0", "4.0"]
            assert running.ends() == 0

    def test_the_master_is_killed(self):
        with crew(2, stop=8) as running:
            pids = running.starts(2)
            running.process.kill()
            assert all(gone(pid) for pid in pids)
            running.ends()
            assert [running.event("stop")[1:] for _ in pids] == [["8.0", "0.0"]] * 2
            assert len([line for line in running.log if "the master is gone" in line]) == 2


class TestReplacing:
    def test_one_by_one_with_patience(self):
        with crew(2, stop=5, patience=3) as running:
            before = running.starts(2)
            running.signal(signal.SIGHUP)
            happened = [running.events.get(timeout=10).split() for _ in range(6)]
            after = [int(words[1]) for words in happened if words[0] == "start"]
            stops = [words[1:] for words in happened if words[0] == "stop"]
            assert sorted(stops) == sorted([str(pid), "8.0", "3.0"] for pid in before)
            assert all(gone(pid) for pid in before)
            assert running.ask() in after

    def test_nobody_is_turned_away_meanwhile(self):
        with crew(2) as running:
            running.starts(2)
            stop = threading.Event()
            answers: list[int] = []

            def ask_on() -> None:
                while not stop.is_set():
                    answers.append(running.ask())

            asking = threading.Thread(target=ask_on)
            asking.start()
            for _ in range(3):
                running.signal(signal.SIGHUP)
                running.starts(2)
            stop.set()
            asking.join()
            assert len(set(answers)) > 2

    def test_where_the_new_one_fails_the_old_ones_stay(self, tmp_path):
        flag = tmp_path / "broken"
        with crew(2, f"while={flag}") as running:
            pids = running.starts(2)
            flag.touch()
            running.signal(signal.SIGHUP)
            assert running.logged("with code 3; the old workers stay")
            assert running.ask() in pids
            flag.unlink()
            running.signal(signal.SIGHUP)
            assert not set(running.starts(2)) & set(pids)


def test_logs_are_reopened_by_everybody():
    with crew(2) as running:
        pids = running.starts(2)
        for pid in pids:
            running.logged(f"worker {pid} serves")
        running.signal(signal.SIGUSR1)
        assert sorted(int(running.event("reopen")[0]) for _ in pids) == sorted(pids)


def test_workers_hold_nothing_of_each_other():
    """A link that a sibling holds open would hide the master's death."""
    with crew(4) as running:
        counts = {len(os.listdir(f"/proc/{pid}/fd")) for pid in running.starts(4)}
        assert len(counts) == 1


def test_descriptors_of_the_master_do_not_grow():
    with crew(2) as running:
        for pid in running.starts(2):
            running.logged(f"worker {pid} serves")
        before = len(os.listdir(f"/proc/{running.process.pid}/fd"))
        for _ in range(3):
            running.signal(signal.SIGHUP)
            for pid in running.starts(2):
                running.logged(f"worker {pid} serves")
        end = time.monotonic() + 5
        while len(os.listdir(f"/proc/{running.process.pid}/fd")) != before and time.monotonic() < end:
            time.sleep(0.05)
        assert len(os.listdir(f"/proc/{running.process.pid}/fd")) == before


class TestArguments:
    def test_no_workers(self):
        with pytest.raises(ValueError, match="at least 1"):
            Master(lambda beat: None, 0, WorkerTimes())  # type: ignore[arg-type, return-value]

    def test_outside_the_main_thread(self):
        caught: list[Exception] = []

        def run() -> None:
            try:
                master.run()
            except RuntimeError as error:
                caught.append(error)

        master = Master(lambda beat: None, 1, WorkerTimes())  # type: ignore[arg-type, return-value]
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        master._close()
        assert "main thread" in str(caught[0])

    def test_processors(self):
        assert 1 <= available_cpus() <= (os.cpu_count() or 1)

"""What scripts may take of the machine, and how many of them run; real processes and no server."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from salver.gateway import CGIFolder, cgi_runner
from salver.handler import DeclaredSite
from tests.gateway.scripts import HEAD, run_script
from tests.gateway.support import FakeExchange, children, content, eventually, request, script

pytestmark = pytest.mark.usefixtures("nothing_is_left")


def test_memory_has_a_limit(scripts: Path) -> None:
    text = "print('Content-Type: a/b\\n')\ntry:\n  bytes(300 << 20)\nexcept MemoryError:\n  print('enough')\n"
    script(scripts, "x.py", "import time; time.sleep(0.2)\n" + text)
    assert content(CGIFolder(scripts, memory=200 << 20)(request("/x.py"))) == b"enough\n"


def test_processor_time_has_a_limit(scripts: Path) -> None:
    assert run_script(scripts, "while :; do :; done", cpu_seconds=1, timeout=20.0).status == 502


def test_what_it_writes_has_a_limit(scripts: Path) -> None:
    text = "sleep 0.2; head -c 2000000 /dev/zero > big; " + HEAD + "echo done"
    content(run_script(scripts, text, file_size=1_000_000))
    assert (scripts / "big").stat().st_size == 1_000_000


def test_processes_have_a_limit(scripts: Path) -> None:
    response = run_script(scripts, HEAD + "sleep 0.2; grep 'Max processes' /proc/$$/limits", processes=500)
    assert content(response).split()[2:4] == [b"500", b"500"]


def test_there_is_no_core_file(scripts: Path) -> None:
    assert content(run_script(scripts, "sleep 0.2;" + HEAD + "ulimit -c")) == b"0\n"


def test_so_many_at_once_and_the_others_wait(scripts: Path) -> None:
    script(scripts, "x", HEAD + "sleep 0.4")
    handler, statuses = CGIFolder(scripts, max_running=2, max_wait=5.0), []

    def ask() -> None:
        response = handler(request("/x"))
        content(response)
        statuses.append(response.status)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 4 and 0.75 < time.monotonic() - began < 5


def test_who_waits_too_long_is_refused(scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo 1; sleep 60")
    handler = CGIFolder(scripts, max_running=1, max_wait=0.1)
    first = handler(request("/x"))
    second = handler(request("/x"))
    assert second.status == 503 and second.headers["retry-after"] == "1"
    first.close()
    assert eventually(lambda: handler(request("/none")).status == 404 and not children())
    content(handler(request("/x", "HEAD")))


def test_a_place_is_free_again_after_every_kind_of_end(scripts: Path) -> None:
    script(scripts, "fine", HEAD)
    script(scripts, "bad", "exit 3")
    script(scripts, "none", "#!/no/such\n")
    script(scripts, "hang", "sleep 60")
    handler = CGIFolder(scripts, max_running=1, max_wait=5.0, timeout=0.2, grace=0.1)
    for name, status in [("fine", 200), ("bad", 502), ("none", 500), ("hang", 504)] * 3:
        response = handler(request("/" + name))
        content(response)
        assert response.status == status


def test_no_thread_may_block(scripts: Path) -> None:
    script(scripts, "x", HEAD + "sleep 5")
    response = CGIFolder(scripts)(request("/x", exchange=FakeExchange(has_threads=False)))
    assert response.status == 503
    assert eventually(lambda: not children())


class Returning(FakeExchange):
    """Every thread is taken, until this has been asked a few times."""

    def hand_over(self) -> bool:
        self.has_threads = self.handed_over >= 3
        return super().hand_over()


def _known_to(scripts: Path) -> CGIFolder:
    """A folder that has answered the client before: what it asks for next has its head start at once."""
    script(scripts, "first", HEAD)
    handler = CGIFolder(scripts)
    assert handler(request("/first")).status == 200
    return handler


@pytest.mark.parametrize("exchange", [FakeExchange(has_threads=False), Returning()])
def test_where_no_thread_may_block_a_script_that_has_begun_is_held(
    scripts: Path, monkeypatch: pytest.MonkeyPatch, exchange: FakeExchange
) -> None:
    monkeypatch.setattr(cgi_runner, "_HOLD", 30.0)
    handler = _known_to(scripts)
    script(scripts, "x", "sleep 0.1;" + HEAD + "echo 1")
    response = handler(request("/x", exchange=exchange))
    assert response.status == 200 and content(response) == b"1\n"


def test_where_no_thread_may_block_what_has_given_enough_goes_on(
    scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgi_runner, "_HOLD", 30.0)
    handler = _known_to(scripts)
    script(scripts, "much", HEAD + "head -c 100000 /dev/zero; sleep 60")
    response = handler(request("/much", exchange=FakeExchange(has_threads=False)))
    assert response.status == 200
    response.close()
    assert eventually(lambda: not children())


def test_where_no_thread_comes_back_it_is_given_up(scripts: Path) -> None:
    handler = _known_to(scripts)
    script(scripts, "x", "sleep 60")
    exchange = FakeExchange(has_threads=False)
    assert handler(request("/x", exchange=exchange)).status == 503 and exchange.handed_over > 1
    assert eventually(lambda: not children())


def test_it_hands_over_before_it_waits(scripts: Path) -> None:
    script(scripts, "x", HEAD + "echo 1; sleep 0.1; echo 2")
    exchange = FakeExchange()
    response = CGIFolder(scripts)(request("/x", exchange=exchange))
    before = exchange.handed_over
    assert before >= 1
    content(response)
    assert exchange.handed_over > before


def entered(exchange: FakeExchange) -> list[bool]:
    return [site.blocking for site in exchange.entered if isinstance(site, DeclaredSite)]


def test_a_script_that_was_slow_twice_is_entered_as_what_blocks(scripts: Path) -> None:
    script(scripts, "x", HEAD + "sleep 0.1")
    handler = CGIFolder(scripts)
    exchanges = [FakeExchange() for _ in range(3)]
    for exchange in exchanges:
        content(handler(request("/x", exchange=exchange)))
    assert entered(exchanges[2]) == [True]
    assert all(exchange.handed_over for exchange in exchanges)


def test_a_body_is_entered_as_what_blocks(scripts: Path) -> None:
    script(scripts, "x", HEAD + "cat")
    exchange = FakeExchange(b"given")
    asked = request("/x", "POST", body=b"given", exchange=exchange)
    assert content(CGIFolder(scripts)(asked)) == b"given"
    assert entered(exchange) == [True]


def test_out_of_descriptors_is_503(scripts: Path, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    def none_left() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    script(scripts, "x", HEAD)
    handler = CGIFolder(scripts, max_running=1)
    with monkeypatch.context() as patched:
        patched.setattr(os, "pipe", none_left)
        assert handler(request("/x")).status == 503
    assert handler(request("/x")).status == 200


def test_what_cannot_be_bounded_is_not_run(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    def refused(*_: object) -> None:
        raise PermissionError(1, "not yours")

    script(scripts, "x", HEAD + "sleep 60")
    handler = CGIFolder(scripts, max_running=1)
    with monkeypatch.context() as patched:
        patched.setattr(resource, "prlimit", refused)
        assert handler(request("/x")).status == 500
    assert eventually(lambda: not children())


def test_a_sandbox_without_process_descriptors(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> int:
        raise PermissionError(1, "seccomp")

    monkeypatch.setattr(os, "pidfd_open", refused)
    assert content(run_script(scripts, HEAD + "echo 1; sleep 0.2; echo 2")) == b"1\n2\n"


@pytest.mark.parametrize("text", [HEAD + "echo 1; sleep 0.2; echo 2", "kill -9 $$", "exec >&-; sleep 0.3"])
def test_a_kernel_without_process_descriptors(scripts: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    response = run_script(scripts, text)
    assert content(response) == b"1\n2\n" if "echo" in text else response.status == 502

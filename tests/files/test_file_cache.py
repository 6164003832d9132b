"""What the cache notices, what it holds at most, and that it closes what it lets go of."""

from __future__ import annotations

import os
import resource
import sys
import threading
from pathlib import Path

import pytest

from salver.files import Folder
from salver.files.file_cache import CacheSizes, Entry, FileCache
from salver.representation import Representation
from salver.response import FileSegment
from tests.files.support import LONG_AGO, FakeClock, content, open_descriptors, request, write

TRUST = CacheSizes().trust


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def body(folder: Folder, target: str, accept_encoding: str = "identity") -> bytes:
    return content(folder(request(target, accept_encoding=accept_encoding)))


def test_trust_keeps_the_promise() -> None:
    assert 0 < TRUST <= 1


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_change_is_noticed_when_the_trust_has_ended(tmp_path: Path, clock: FakeClock, size: int) -> None:
    folder = Folder(tmp_path, clock=clock)
    write(tmp_path / "a", b"1" * size)
    assert body(folder, "/a") == b"1" * size
    write(tmp_path / "new", b"2" * size, LONG_AGO + 1).rename(tmp_path / "a")
    clock.now += TRUST * 0.9
    assert body(folder, "/a") == b"1" * size
    clock.now += TRUST * 0.2
    assert body(folder, "/a") == b"2" * size


def test_everything_that_can_change_is_noticed(tmp_path: Path, clock: FakeClock) -> None:
    folder = Folder(tmp_path, clock=clock)

    def later(target: str, accept_encoding: str = "identity") -> bytes:
        clock.now += TRUST
        return body(folder, target, accept_encoding)

    write(tmp_path / "a.html", "one")
    assert later("/a.html") == b"one"
    write(tmp_path / "a.html", "two", LONG_AGO)  # in place, same size, same time: the time of the inode's change tells
    assert later("/a.html") == b"two"
    (tmp_path / "a.html").unlink()
    assert b"404" in later("/a.html")
    (tmp_path / "a.html").symlink_to("b.html")
    write(tmp_path / "b.html", "bee")
    assert later("/a.html") == b"bee"
    (tmp_path / "a.html").unlink()
    (tmp_path / "a.html").symlink_to("/etc/passwd")
    assert b"404" in later("/a.html")
    assert b"a.html" not in later("/")
    write(tmp_path / "index.htm", "second")
    assert later("/") == b"second"
    write(tmp_path / "index.html", "first")
    assert later("/index.htm") == b"second"
    assert body(folder, "/") == b"first"
    write(tmp_path / "b.html.gz", "packed")
    assert later("/b.html", accept_encoding="gzip") == b"packed"
    (tmp_path / "b.html.gz").unlink()
    assert later("/b.html", accept_encoding="gzip") == b"bee"


def test_what_is_still_the_same_is_kept(tmp_path: Path, clock: FakeClock) -> None:
    folder = Folder(tmp_path, clock=clock)
    write(tmp_path / "a", "one")
    first = folder(request("/a")).body
    clock.now += 10
    assert folder(request("/a")).body is first


def test_what_changed_just_now_is_read_again(tmp_path: Path, clock: FakeClock) -> None:
    folder = Folder(tmp_path, clock=clock)
    (tmp_path / "a").write_bytes(b"one")
    first = folder(request("/a")).body
    clock.now += 10
    second = folder(request("/a"))
    assert second.body is not first
    assert content(second) == b"one"


def test_several_targets_share_one_entry(tmp_path: Path, clock: FakeClock) -> None:
    folder = Folder(tmp_path, clock=clock)
    write(tmp_path / "index.html", "home")
    bodies = [folder(request(target)).body for target in ("/", "/index.html", "/%69ndex.html", "/?q", "/index.html?r")]
    assert all(each is bodies[0] for each in bodies)


def test_bytes_are_bounded(tmp_path: Path) -> None:
    folder = Folder(tmp_path, cache=CacheSizes(small=1_000, total=3_000))
    for number in range(20):
        write(tmp_path / str(number), bytes([number]) * 1_000)
        assert body(folder, f"/{number}") == bytes([number]) * 1_000
    cache = folder._cache
    assert cache._bytes == sum(entry.size for entry in cache._entries.values()) == 3_000
    assert set(cache.known) == {"/17", "/18", "/19"}


def test_files_are_bounded_and_the_oldest_goes(tmp_path: Path, clock: FakeClock) -> None:
    folder = Folder(tmp_path, clock=clock, cache=CacheSizes(files=3))
    for number in range(4):
        write(tmp_path / str(number), str(number))
    for target in ("/0", "/1", "/2"):
        body(folder, target)
    clock.now += 10
    body(folder, "/0")
    body(folder, "/3")
    assert sorted(names[0] for names in folder._cache._entries) == ["0", "2", "3"]


def test_targets_are_bounded(tmp_path: Path) -> None:
    folder = Folder(tmp_path, cache=CacheSizes(targets=10))
    write(tmp_path / "a", "a")
    for number in range(95):
        assert body(folder, f"/a?{number}") == b"a"
    assert len(folder._known) <= 10
    (entry,) = folder._cache._entries.values()
    assert len(entry.targets) <= 10


def test_descriptors_are_bounded_and_closed_when_unused(tmp_path: Path) -> None:
    folder = Folder(tmp_path, cache=CacheSizes(small=0, descriptors=3))
    before = open_descriptors()
    for number in range(10):
        write(tmp_path / str(number), str(number))
    responses = [folder(request(f"/{number}")) for number in range(10)]
    assert open_descriptors() == before + 10
    for number, response in enumerate(responses):
        segment = response.body
        assert isinstance(segment, FileSegment)
        assert os.pread(segment.fd, 9, 0) == str(number).encode()
        response.close()
    del segment, response, responses
    assert open_descriptors() == before + 3
    folder._cache.let_go()
    assert open_descriptors() == before
    assert not folder._known


def test_a_file_that_is_replaced_is_sent_to_its_end(tmp_path: Path, clock: FakeClock) -> None:
    folder = Folder(tmp_path, clock=clock, cache=CacheSizes(small=0))
    write(tmp_path / "a", "old")
    response = folder(request("/a"))
    write(tmp_path / "new", "new").rename(tmp_path / "a")
    clock.now += 10
    assert body(folder, "/a") == b"new"
    assert content(response) == b"old"


def test_few_descriptors_leave_room_for_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in ((40, 10), (1, 1), (resource.RLIM_INFINITY, 512), (1_000_000, 512)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        cache = FileCache(CacheSizes())
        cache.keep(entry("a"))
        assert cache._most_descriptors == most


def test_without_limits_on_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    cache = FileCache(CacheSizes(descriptors=7))
    cache.keep(entry("a"))
    assert cache._most_descriptors == 7


def entry(name: str, data: bytes = b"x") -> Entry:
    plain = Representation(data, "text/plain", f'"{name}"', LONG_AGO, ())
    return Entry((name,), name, plain, {})


def test_an_entry_kept_twice_counts_once() -> None:
    cache = FileCache(CacheSizes())
    one, two = entry("a"), entry("a")
    cache.keep(one)
    cache.keep(two)
    assert one.retired
    assert not two.retired
    assert cache._bytes == 1


def test_a_retired_entry_is_remembered_by_nobody() -> None:
    cache = FileCache(CacheSizes())
    kept = entry("a")
    cache.keep(kept)
    cache.remember("/a", kept)
    assert cache.maybe_known("/a") is kept
    cache.let_go()
    assert cache.maybe_known("/a") is None
    cache.remember("/a", kept)
    assert not cache.known


def test_a_target_that_moved_on_is_not_forgotten_with_what_it_left() -> None:
    cache = FileCache(CacheSizes())
    one, two = entry("a"), entry("b")
    for each in (one, two):
        cache.keep(each)
        cache.remember("/", each)
    cache.keep(entry("a"))
    assert one.retired
    assert cache.maybe_known("/") is two


def test_what_is_packed_counts_and_may_push_others_out() -> None:
    cache = FileCache(CacheSizes(small=10, total=20))
    old, new = entry("a", b"x" * 10), entry("b", b"y" * 10)
    cache.keep(old)
    cache.keep(new)
    cache.add_packed(new, "gzip", new.plain)
    assert cache._bytes == 20
    cache.add_packed(new, "gzip", Representation(b"zz", "text/plain", '"z"', LONG_AGO, ()))
    assert old.retired
    assert cache._bytes == 12
    cache.add_packed(old, "gzip", Representation(b"zz", "text/plain", '"z"', LONG_AGO, ()))
    assert cache._bytes == 12


@pytest.mark.parametrize("sizes", [{"files": 0}, {"targets": 0}, {"descriptors": 0}, {"small": 10, "total": 9}])
def test_sizes_that_hold_nothing_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="room"):
        CacheSizes(**sizes)


@pytest.mark.slow
def test_many_threads_and_changing_files(tmp_path: Path) -> None:
    """Every answer is one version of the file it is of, whole; nothing is left open; the counts add up."""
    folder = Folder(
        tmp_path, cache=CacheSizes(trust=0.001, small=1_000, total=3_000, files=4, descriptors=2, targets=8)
    )
    for number in range(8):
        write(tmp_path / str(number), bytes([number]) * (900 if number % 2 else 5_000))
    before, wrong, stop = open_descriptors(), [], threading.Event()

    def read(seed: int) -> None:
        step = seed
        while not stop.is_set():
            step += 1
            number = (step * 7 + seed) % 8
            data = body(folder, f"/{number}?{step % 3}")
            if set(data) != {number} and b"404" not in data:
                wrong.append((number, data[:20]))

    def change() -> None:
        step = 0
        while not stop.wait(0.002):
            step += 1
            path = tmp_path / str(step % 8)
            write(tmp_path / ".new", bytes([step % 8]) * (900 + step % 5_000)).rename(path)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)] + [threading.Thread(target=change)]
    for thread in threads:
        thread.start()
    stop.wait(2.0)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    cache = folder._cache
    assert cache._bytes == sum(each.size for each in cache._entries.values())
    assert cache._descriptors == sum(each.descriptors for each in cache._entries.values())
    cache.let_go()
    assert (cache._bytes, cache._descriptors) == (0, 0)
    assert open_descriptors() == before

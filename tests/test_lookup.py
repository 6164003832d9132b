"""The walk from names to an open file: what it finds, and that nothing leads it out of the root."""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from salver.lookup import NotServed, OpenFile, Tree
from tests.files.support import open_descriptors, write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with something in it, and around it what must not be reached."""
    write(tmp_path / "secret.txt", "secret")
    write(tmp_path / "root-secret" / "x", "secret")
    root = tmp_path / "root"
    write(root / "file.txt", "hello")
    write(root / "x", "what a sibling taken for the root would lead to")
    write(root / "sub" / "deep" / "file.txt", "deep")
    (root / "to-file").symlink_to("file.txt")
    (root / "to-sub").symlink_to("sub")
    (root / "sub" / "up").symlink_to("../file.txt")
    (root / "sub" / "deep" / "down-and-up").symlink_to("../deep/../../to-sub/./deep//file.txt")
    (root / "absolute").symlink_to(root / "sub" / "deep")
    (root / "out-file").symlink_to("../secret.txt")
    (root / "out-folder").symlink_to("..")
    (root / "out-sibling").symlink_to("../root-secret")
    (root / "out-absolute").symlink_to(tmp_path / "secret.txt")
    (root / "out-absolute-sibling").symlink_to(tmp_path / "root-secret")
    (root / "out-through-root").symlink_to(str(root) + "/../secret.txt")
    (root / "out-and-in").symlink_to("../root/file.txt")
    (root / "loop").symlink_to("loop")
    (root / "ping").symlink_to("pong")
    (root / "pong").symlink_to("ping")
    (root / "here").symlink_to(".")
    (root / "nowhere").symlink_to("not-there")
    os.mkfifo(root / "fifo")
    return root


def text(found: OpenFile) -> bytes | None:
    return found.read()


@pytest.mark.parametrize(
    ("names", "content"),
    [
        (("file.txt",), b"hello"),
        (("sub", "deep", "file.txt"), b"deep"),
        (("to-file",), b"hello"),
        (("to-sub", "deep", "file.txt"), b"deep"),
        (("sub", "up"), b"hello"),
        (("to-sub", "up"), b"hello"),
        (("sub", "deep", "down-and-up"), b"deep"),
        (("absolute", "file.txt"), b"deep"),
        (("here", "here", "file.txt"), b"hello"),
    ],
)
@pytest.mark.parametrize("follow", [False, True])
def test_files_and_links_inside(root: Path, names: tuple[str, ...], content: bytes, follow: bool) -> None:
    assert text(Tree(str(root), follow_symlinks=follow).open(names)) == content


@pytest.mark.parametrize("names", [(), ("sub",), ("to-sub",), ("here",), ("absolute",)])
def test_folders(root: Path, names: tuple[str, ...]) -> None:
    found = Tree(str(root)).open(names)
    assert found.is_folder
    assert os.listdir(found.fd)


OUTWARD = [
    ("out-file",),
    ("out-folder", "secret.txt"),
    ("out-folder",),
    ("out-sibling", "x"),
    ("out-absolute",),
    ("out-absolute-sibling", "x"),
    ("out-through-root",),
    ("out-and-in",),
]


@pytest.mark.parametrize("names", OUTWARD)
def test_links_that_lead_out_are_not_there(root: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(NotServed) as refused:
        Tree(str(root)).open(names)
    assert refused.value.status == 404


@pytest.mark.parametrize("names", OUTWARD)
def test_links_that_lead_out_are_followed_when_asked(root: Path, names: tuple[str, ...]) -> None:
    assert Tree(str(root), follow_symlinks=True).status(names) is not None


@pytest.mark.parametrize(
    "names",
    [
        ("not-there",),
        ("nowhere",),
        ("file.txt", "x"),
        ("..", "secret.txt"),
        ("sub", "..", "..", "secret.txt"),
        ("..", "root-secret", "x"),
        ("loop",),
        ("loop", "x"),
        ("ping",),
        ("fifo",),
        ("fifo", "x"),
        ("n" * 300,),
        ("a\0b",),
        ("\ud800",),
        ("a",) * 2_500,
        ("here",) * 2_500,
        ("", "file.txt"),
    ],
)
@pytest.mark.parametrize("follow", [False, True])
def test_what_is_not_there(root: Path, names: tuple[str, ...], follow: bool) -> None:
    started = time.monotonic()
    with pytest.raises(NotServed) as refused:
        Tree(str(root), follow_symlinks=follow).open(names)
    assert refused.value.status == 404
    assert time.monotonic() - started < 1.0


def test_an_absolute_name_is_no_name_when_links_are_followed(root: Path) -> None:
    with pytest.raises(NotServed):
        Tree(str(root), follow_symlinks=True).open((str(root.parent / "secret.txt"),))


def test_a_name_with_a_slash_cannot_step_over_the_check_of_links(root: Path) -> None:
    """`split_path` gives no such name; the walk does not rely on it for staying inside by "..", and says so here."""
    with pytest.raises(NotServed):
        Tree(str(root), follow_symlinks=True).open(("sub/../..", "secret.txt"))


def test_sockets_and_devices_are_not_files(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(root, os.O_RDONLY)
        try:
            listener.bind(f"/proc/self/fd/{here}/socket")
        finally:
            os.close(here)
        with pytest.raises(NotServed):
            Tree(str(root)).open(("socket",))
    with pytest.raises(NotServed):
        Tree("/dev").open(("null",))


def test_the_root_may_be_a_link_and_may_be_replaced(tmp_path: Path) -> None:
    write(tmp_path / "one" / "file", "1")
    write(tmp_path / "two" / "file", "2")
    (tmp_path / "two" / "absolute").symlink_to(tmp_path / "two" / "file")
    current = tmp_path / "current"
    current.symlink_to("one")
    tree = Tree(str(current))
    assert text(tree.open(("file",))) == b"1"
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").rename(current)
    assert text(tree.open(("file",))) == b"2"
    assert text(tree.open(("absolute",))) == b"2"


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotServed):
        Tree(str(tmp_path / "not-there")).open(("x",))


def test_no_descriptor_is_left_open(root: Path) -> None:
    tree = Tree(str(root))
    before = open_descriptors()
    for names in [
        *OUTWARD,
        ("fifo",),
        ("file.txt", "x"),
        ("sub", "deep"),
        ("to-sub", "deep", "file.txt"),
        ("loop",),
        (),
    ]:
        tree.status(names)
    assert open_descriptors() == before


def test_a_segment_keeps_its_file_open_and_only_as_long(root: Path) -> None:
    before = open_descriptors()
    found = Tree(str(root)).open(("file.txt",))
    one, two = found.segment(0, 5), found.segment(1, 3)
    fd = found.fd
    del found
    assert os.pread(fd, 9, 0) == b"hello"
    one.close()
    one.close()
    assert os.pread(two.fd, two.length, two.offset) == b"el"
    two.close()
    assert open_descriptors() == before


def test_the_status_of_a_link_is_that_of_what_it_leads_to(root: Path) -> None:
    tree = Tree(str(root))
    status = tree.status(("to-file",))
    assert status is not None
    assert status.st_size == 5
    assert tree.status(("out-file",)) is None


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.EACCES, 403),
        (errno.EPERM, 403),
        (errno.EMFILE, 503),
        (errno.ENFILE, 503),
        (errno.EIO, 503),
        (errno.ENOENT, 404),
        (errno.ENAMETOOLONG, 404),
    ],
)
def test_what_the_system_refuses(root: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(NotServed) as refused:
        Tree(str(root)).open(("file.txt",))
    assert refused.value.status == status


def test_a_link_that_vanishes_before_it_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> str:
        raise FileNotFoundError(errno.ENOENT, "gone")

    monkeypatch.setattr(os, "readlink", gone)
    with pytest.raises(NotServed):
        Tree(str(root)).open(("to-file",))


def test_a_file_that_shrinks_or_changes_while_it_is_read_is_not_taken(root: Path) -> None:
    found = Tree(str(root)).open(("file.txt",))
    (root / "file.txt").write_bytes(b"hi")
    assert found.read() is None
    found = Tree(str(root)).open(("file.txt",))
    (root / "file.txt").write_bytes(b"more")
    assert found.read() is None


@pytest.mark.slow
def test_a_folder_that_is_swapped_for_a_link_all_the_time_never_leads_out(root: Path) -> None:
    """The race that a check by `realpath` loses: the folder is one moment itself, the next a link to outside."""
    write(root.parent / "outside" / "file.txt", "secret")
    write(root / "sub" / "file.txt", "inside")
    (root / "evil").symlink_to("../outside")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(root / "sub", root / "aside")
            os.rename(root / "evil", root / "sub")
            os.rename(root / "sub", root / "evil")
            os.rename(root / "aside", root / "sub")

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = set()
    try:
        tree, end = Tree(str(root)), time.monotonic() + 2.5
        while time.monotonic() < end:
            try:
                seen.add(tree.open(("sub", "file.txt")).read())
            except NotServed:
                seen.add(None)
    finally:
        stop.set()
        swapper.join()
    assert b"inside" in seen
    assert b"secret" not in seen

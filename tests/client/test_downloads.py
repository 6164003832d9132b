"""Downloads: whole files alone under their names, the rest asked for where it broke off, and what has changed anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from salver import client as salver_client
from salver.client import BrokenResponse, ClientError, ConnectionLost, StatusError, partial
from tests.client.downloading import BODY, SIZE, URL, Network, answer, field, rest, whole
from tests.client.scripted import RESET, SILENCE


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "data.bin"


def names(target: Path) -> list[str]:
    return sorted(os.listdir(target.parent))


def begun(target: Path, size: int = 1_000, validator: str = '"v1"', total: int | None = SIZE, url: str = URL) -> None:
    """What an attempt leaves that broke off."""
    with pytest.raises(ClientError):
        Network(whole(f"ETag: {validator}", cut=size)).get(target, url, restarts=0)
    assert names(target) == ["data.bin.part", "data.bin.part.json"]
    notes = Path(f"{target}.part.json")
    notes.write_text(json.dumps({**json.loads(notes.read_text()), "total": total}))


def test_a_whole_file(target: Path) -> None:
    network = Network(whole())
    seen: list[tuple[int, int | None]] = []
    done = network.get(target, progress=lambda *each: seen.append(each))
    assert (done.path, done.size, done.resumed_at, done.response.status) == (target, SIZE, 0, 200)
    assert target.read_bytes() == BODY
    assert names(target) == ["data.bin"]
    assert network.asked == [(None, None)]
    assert field(network.transport.wires[0].sent, b"Accept-Encoding") == "identity"
    assert seen[0] == (0, SIZE)
    assert seen[-1] == (SIZE, SIZE)


def test_of_unknown_length(target: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    Network(b"HTTP/1.1 200 OK\r\n\r\n" + BODY).get(target, progress=lambda *each: seen.append(each))
    assert target.read_bytes() == BODY
    assert {total for _, total in seen} == {None}


def test_an_empty_file(target: Path) -> None:
    assert Network(answer(b"")).get(target).size == 0
    assert target.read_bytes() == b""


def test_it_goes_on_where_it_broke_off(target: Path) -> None:
    network = Network(whole(cut=1_000), rest(1_000, cut=5_000), rest(5_000))
    done = network.get(target)
    assert target.read_bytes() == BODY
    assert done.resumed_at == 0
    assert network.asked == [(None, None), ("bytes=1000-", '"v1"'), ("bytes=5000-", '"v1"')]
    assert names(target) == ["data.bin"]


@pytest.mark.parametrize("then", [RESET, SILENCE])
def test_it_goes_on_after_a_reset_and_a_time_out(target: Path, then: str) -> None:
    network = Network(whole(cut=1_000), rest(1_000), then=then)
    network.get(target)
    assert target.read_bytes() == BODY


def test_a_later_call_goes_on(target: Path) -> None:
    target.write_bytes(b"an older one")
    with pytest.raises(ConnectionLost):
        Network(whole(cut=1_000)).get(target, restarts=0)
    assert target.read_bytes() == b"an older one"
    network = Network(rest(1_000))
    done = network.get(target)
    assert (done.resumed_at, done.size) == (1_000, SIZE)
    assert target.read_bytes() == BODY
    assert network.asked == [("bytes=1000-", '"v1"')]


def test_without_resume_it_begins_anew(target: Path) -> None:
    begun(target)
    network = Network(whole())
    assert network.get(target, resume=False).resumed_at == 0
    assert network.asked == [(None, None)]


@pytest.mark.parametrize(
    "anew",
    [
        pytest.param([whole('ETag: "v2"')], id="changed: 200"),
        pytest.param([rest(1_000, 'ETag: "v2"'), whole()], id="another tag"),
        pytest.param([rest(1_000, said=f"bytes 999-{SIZE - 1}/{SIZE}"), whole()], id="another start"),
        pytest.param([rest(1_000, said=f"bytes 1000-{SIZE - 1}/{SIZE + 1}"), whole()], id="another total"),
        pytest.param([rest(1_000, said="bytes 1000-5/20000"), whole()], id="backwards"),
        pytest.param([rest(1_000, said="lines 1000-2000/3000"), whole()], id="another unit"),
        pytest.param([rest(1_000, said="bytes 1000-99999999999999999999999/*"), whole()], id="too many digits"),
        pytest.param([rest(1_000, "Content-Encoding: gzip"), whole()], id="coded"),
        pytest.param([answer(BODY[1_000:], status="206 Partial Content"), whole()], id="no Content-Range"),
        pytest.param([answer(b"", "Content-Range: bytes */900", status="416 No"), whole()], id="416, shorter"),
        pytest.param([answer(b"", status="416 No"), whole()], id="416, of what"),
    ],
)
def test_what_does_not_fit_is_dropped(target: Path, anew: list[bytes]) -> None:
    begun(target)
    network = Network(*anew, lost=1)  # a script's connection ends behind its answer
    done = network.get(target)
    assert (done.size, done.resumed_at) == (SIZE, 0)
    assert target.read_bytes() == BODY
    assert network.asked[0] == ("bytes=1000-", '"v1"')
    assert network.asked[1:] == [(None, None)] * (len(anew) - 1)
    assert names(target) == ["data.bin"]


def test_all_of_it_was_there(target: Path) -> None:
    begun(target, total=None)
    Path(f"{target}.part").write_bytes(BODY)
    network = Network(answer(b"", f"Content-Range: bytes */{SIZE}", status="416 Range Not Satisfiable"))
    assert network.get(target).resumed_at == SIZE
    assert target.read_bytes() == BODY


def test_more_than_all_of_it_was_there(target: Path) -> None:
    begun(target)
    Path(f"{target}.part").write_bytes(BODY + b"x")
    network = Network(whole())
    network.get(target)
    assert network.asked == [(None, None)]
    assert target.read_bytes() == BODY


def test_a_server_that_gives_a_little_at_a_time(target: Path) -> None:
    step = 4_000
    answers = [
        answer(
            BODY[start : start + step],
            f"Content-Range: bytes {start}-{min(start + step, SIZE) - 1}/{SIZE}",
            status="206 Partial Content",
        )
        for start in range(1_000, SIZE, step)
    ]
    begun(target)
    Network(*answers).get(target)
    assert target.read_bytes() == BODY


def test_a_part_of_another_url_is_not_gone_on_with(target: Path) -> None:
    begun(target, url="http://a/files/other.bin")
    network = Network(whole())
    network.get(target)
    assert network.asked == [(None, None)]


@pytest.mark.parametrize("notes", ["", "[]", "{}", "[" * 100_000, '{"mark": 1, "validator": [], "total": "x"}', "\x00"])
def test_notes_that_are_broken(target: Path, notes: str) -> None:
    begun(target)
    Path(f"{target}.part.json").write_text(notes)
    network = Network(whole())
    network.get(target)
    assert network.asked == [(None, None)]
    assert target.read_bytes() == BODY


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (['ETag: "v1"'], '"v1"'),
        (['ETag: W/"v1"'], None),
        (["ETag: v1"], None),
        (
            ["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:49:38 GMT"],
            "Sun, 06 Nov 1994 08:49:37 GMT",
        ),
        (["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:49:37 GMT"], None),
        (["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"], None),
        (["X: y"], None),
        (['ETag: "v1"', "Content-Encoding: br"], None),
    ],
)
def test_only_with_a_strong_validator_is_there_something_to_go_on_with(
    target: Path, lines: list[str], kept: str | None
) -> None:
    with pytest.raises(ClientError):
        Network(whole(*lines, cut=1_000)).get(target, restarts=0)
    assert names(target) == ([] if kept is None else ["data.bin.part", "data.bin.part.json"])
    network = Network(rest(1_000, *lines) if kept else whole(*lines[:1]))
    network.get(target)
    assert network.asked == [("bytes=1000-" if kept else None, kept)]


def test_content_that_is_coded_unasked_is_written_decoded(target: Path) -> None:
    import gzip

    packed = gzip.compress(BODY)
    assert Network(answer(packed, "Content-Encoding: gzip")).get(target).size == SIZE
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oops", "403 Forbidden"])
def test_an_error_is_not_the_file(target: Path, status: str) -> None:
    target.write_bytes(b"old")
    with pytest.raises(StatusError):
        Network(answer(b"<h1>no</h1>", status=status)).get(target)
    assert names(target) == ["data.bin"]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial Content", "304 Not Modified"])
def test_neither_is_what_has_no_content(target: Path, status: str) -> None:
    reply = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n" if status[:3] == "206" else f"HTTP/1.1 {status}\r\n\r\n"
    with pytest.raises(BrokenResponse):
        Network(reply.encode()).get(target)
    assert names(target) == []


def test_a_server_that_is_away_for_a_moment(target: Path) -> None:
    busy = answer(b"", status="503 Service Unavailable")
    Network(whole(cut=1_000), busy, busy, rest(1_000)).get(target)
    assert target.read_bytes() == BODY
    with pytest.raises(StatusError):  # but not one that was never there
        Network(busy, whole()).get(target)


def test_attempts_without_a_new_byte_are_counted(target: Path) -> None:
    network = Network(*[whole(cut=1_000)], *[b""] * 10)
    with pytest.raises(ConnectionLost):
        network.get(target, restarts=3)
    assert len(network.transport.wires) == 1 + 3 + 1
    assert names(target) == ["data.bin.part", "data.bin.part.json"]


def test_a_server_that_gives_nothing_for_ever(target: Path) -> None:
    begun(target)
    nothing = answer(b"", status="416 No")
    changing = [rest(1_000, 'ETag: "v2"')]
    for answers in ([*changing, *[nothing] * 9],):
        with pytest.raises(ClientError):
            Network(*answers).get(target, restarts=2)


def test_a_server_that_never_says_the_same(target: Path) -> None:
    """What is begun anew and breaks off again has not come further."""
    network = Network(*[whole(cut=1_000), rest(1_000, 'ETag: "v2"')] * 50)
    with pytest.raises(ConnectionLost):
        network.get(target, restarts=3)
    assert len(network.transport.wires) < 10


def test_more_than_was_promised(target: Path) -> None:
    begun(target)
    long = answer(BODY[1_000:] + b"more", f"Content-Range: bytes 1000-{SIZE - 1}/{SIZE}", status="206 Partial Content")
    with pytest.raises(BrokenResponse):
        Network(long).get(target)
    assert names(target) == []


def test_an_interrupt_leaves_what_can_be_gone_on_with(target: Path) -> None:
    def interrupt(done: int, _: int | None) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Network(whole()).get(target, progress=interrupt)
    assert names(target) == ["data.bin.part", "data.bin.part.json"]
    assert not target.exists()


def test_two_at_once_do_not_write_into_one_file(target: Path) -> None:
    begun(target)

    def another(done: int, _: int | None) -> None:
        with pytest.raises(BlockingIOError, match="another download"):
            Network(whole()).get(target)

    Network(rest(1_000)).get(target, progress=another)
    assert target.read_bytes() == BODY


def test_another_may_begin_as_soon_as_this_one_is_there(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def at_the_end(folder: Path) -> None:
        monkeypatch.undo()
        with pytest.raises(ConnectionLost):
            Network(whole(cut=1_000)).get(target, restarts=0)

    monkeypatch.setattr(partial, "_sync_folder", at_the_end)
    Network(whole()).get(target)
    assert names(target) == ["data.bin", "data.bin.part", "data.bin.part.json"]
    assert Network(rest(1_000)).get(target).resumed_at == 1_000


def test_a_name_that_is_taken_meanwhile_loses_nothing(target: Path) -> None:
    def taken(done: int, total: int | None) -> None:
        if done == SIZE:
            target.mkdir()

    with pytest.raises(OSError, match="data.bin"):
        Network(whole()).get(target, progress=taken)
    target.rmdir()
    network = Network(answer(b"", f"Content-Range: bytes */{SIZE}", status="416 Range Not Satisfiable"))
    assert network.get(target).resumed_at == SIZE


def test_a_link_in_the_place_of_the_part_is_not_followed(target: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    Path(f"{target}.part").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match=r"data\.bin\.part"):
        Network(whole()).get(target)
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(FileExistsError, match="no file"):
        Network(whole()).get(fifo)
    assert os.listdir(tmp_path) == ["fifo"]
    assert fifo.is_fifo()


def test_a_date_that_has_changed(target: Path) -> None:
    lines = ["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT", "Date: Sun, 06 Nov 1994 08:49:39 GMT"]
    with pytest.raises(ClientError):
        Network(whole(*lines, cut=1_000)).get(target, restarts=0)
    network = Network(rest(1_000, "Last-Modified: Sun, 06 Nov 1994 08:49:38 GMT"), whole(*lines), lost=1)
    network.get(target)
    assert network.asked == [("bytes=1000-", "Sun, 06 Nov 1994 08:49:37 GMT"), (None, None)]
    assert target.read_bytes() == BODY


def test_the_callers_fields_go_along_but_for_ranges(target: Path) -> None:
    network = Network(whole())
    network.get(
        target, options={"headers": {"X-A": "1", "Range": "bytes=5-", "if-range": "x", "accept-encoding": "br"}}
    )
    sent = network.transport.wires[0].sent
    assert b"X-A: 1\r\n" in sent
    assert network.asked == [(None, None)]
    assert b"br" not in sent


def test_without_a_client(tmp_path: Path) -> None:
    with pytest.raises(salver_client.InvalidRequest):
        salver_client.download("ftp://a/x", tmp_path / "x", trust_env=False)
    assert os.listdir(tmp_path) == []

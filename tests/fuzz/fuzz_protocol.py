"""Fuzz the protocol: `python -m tests.fuzz.fuzz_protocol --seconds 60 [--seed N]`.

The invariant, for any bytes in either role: only documented errors come out (`RemoteProtocolError` with one of its
statuses), nothing hangs, and the verdict does not depend on how the bytes were split nor on what was remembered.
Inputs are bent from the listed requests and from one another. Where atheris can be imported it guides by coverage;
otherwise an input is kept when what came of it (statuses, errors, what was delivered) has not been seen before, which
here, where every refusal has words of its own, is nearly as good. A finding is printed as a bytes literal, the exit
code is then 1.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import time
from dataclasses import dataclass
from itertools import pairwise

from salver.protocol.client_connection import ClientConnection
from salver.protocol.errors import RemoteProtocolError
from salver.protocol.limits import Limits
from tests.wire.cases import load
from tests.wire.driver import DOCUMENTED, Outcome, in_bytes, run

# Small limits, so that fuzzed inputs, which are small, meet them; and the defaults.
TIGHT = Limits(request_line=60, header_section=120, fields=6, chunk_overhead=24)
CPU_SECONDS = 2.0  # one check of at most MAX_SIZE bytes: thousands of times what it takes
MAX_SIZE = 3_000
WORDS = [
    b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"\x00", b" ", b"\t", b":", b";", b",", b"=", b'"', b"\\", b"*", b"/", b"#",
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n", b"CONNECT a:1 HTTP/1.1\r\n",
    b"Host: a\r\n", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n", b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n", b"5;a=b\r\n",
    b"ffffffffffffffff\r\n", b"7fffffffffffffff", b"chunked", b"gzip", b"identity", b"X: y\r\n", b" folded\r\n",
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 204\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"\xff", b"\x7f", b"%41", b"[::1]",
]  # fmt: skip
SEED_RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\nConnection: keep-alive\r\n\r\nhello",
]


class Finding(Exception):
    """The invariant does not hold."""


@dataclass(frozen=True)
class Seen:
    """What came of an input, as far as it tells inputs apart."""

    server: tuple[object, ...]
    client: object


def check(data: bytes, cuts: list[int]) -> Seen:
    """Hold the invariant against `data`, split at `cuts`, too. Raises `Finding`."""
    started = time.process_time()
    try:
        signature = _check_server(data, cuts)
        whole = _read_responses([data])
        if whole != _read_responses(in_bytes(data)) or whole != _read_responses(_split(data, cuts)):
            raise Finding("the client's verdict depends on the split")
    except Finding:
        raise
    except Exception as error:
        raise Finding(f"an undocumented error: {error!r}") from error
    if time.process_time() - started > CPU_SECONDS:
        raise Finding("too slow")
    return Seen(signature, whole if isinstance(whole, str) else tuple(type(part).__name__ for part in whole))


def _check_server(data: bytes, cuts: list[int]) -> tuple[object, ...]:
    signature: list[object] = []
    for limits in (None, TIGHT):
        whole = run([data], limits=limits)
        if not set(whole.statuses) <= DOCUMENTED | {200, 405}:
            raise Finding(f"an undocumented status among {whole.statuses}")
        for how, outcome in (
            ("byte by byte", run(in_bytes(data), limits=limits)),
            ("cut", run(_split(data, cuts), limits=limits)),
            ("forgetful", run([data], limits=limits, forgetful=True)),
        ):
            if outcome != whole:
                raise Finding(f"{how}, the verdict is {_short(outcome)}, not {_short(whole)}")
        signature.append((whole.statuses, whole.closed, tuple(len(request.fields) for request in whole.delivered)))
    return tuple(signature)


def _short(outcome: Outcome) -> str:
    return f"{outcome.statuses}, {len(outcome.delivered)} delivered, closed: {outcome.closed}"


def _split(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if start < end]


def _read_responses(pieces: list[bytes]) -> str | tuple[object, ...]:
    """What a client makes of the bytes: the words of the refusal's kind, or all that it has read."""
    client = ClientConnection(TIGHT)
    client.send_head("GET", "/", [("Host", "a")])
    taken: list[object] = []
    body = b""
    try:
        for piece in pieces:
            client.receive(piece)
            while (head := client.next_response()) is not None:
                taken.append((head.status, head.reason, tuple(head.headers.fields)))
            body += client.read_body()
    except RemoteProtocolError as error:
        return f"refused {error.status}"
    return tuple(taken), body, tuple(client.trailers), client.body_complete, client.keep_alive, client.buffered


def seeds() -> list[bytes]:
    """The listed requests that are not too long, and some responses."""
    cases = load("bad-requests.jsonl") + load("more-requests.jsonl")
    return [case.data for case in cases if len(case.data) <= 600] + SEED_RESPONSES


def bend(corpus: list[bytes], chance: random.Random) -> bytes:
    """An input like those of the corpus: several small changes, or two spliced."""
    data = chance.choice(corpus)
    if chance.random() < 0.25:
        other = chance.choice(corpus)
        data = data[: chance.randint(0, len(data))] + other[chance.randint(0, len(other)) :]
    for _ in range(chance.choice((1, 1, 2, 3, 6))):
        data = _bend_once(data, chance)
    return data[:MAX_SIZE]


def _bend_once(data: bytes, chance: random.Random) -> bytes:
    at, length = chance.randint(0, len(data)), chance.choice((0, 1, 1, 2, 4, 16))
    match chance.randrange(6):
        case 0:
            middle = chance.choice(WORDS)
        case 1:
            middle = bytes([chance.randrange(256)])
        case 2:
            middle = b""
        case 3:
            middle = data[at : at + length] * chance.choice((2, 3, 40))
        case 4:
            start = chance.randint(0, len(data))
            middle = data[start : start + chance.randint(0, 40)] + data[at : at + length]
        case _:
            middle = data[at : at + length].swapcase()
    return data[:at] + middle + data[at + length :]


def fuzz(seconds: float, seed: int) -> tuple[int, int]:
    """Fuzz for `seconds`; returns (inputs tried, inputs kept). Raises `Finding` with the input in its words."""
    chance, corpus, seen = random.Random(seed), seeds(), set[Seen]()
    ends, tried = time.monotonic() + seconds, 0
    fresh = list(corpus)
    while fresh or time.monotonic() < ends:
        data = fresh.pop() if fresh else bend(corpus, chance)
        cuts = [chance.randint(0, len(data)) for _ in range(3)]
        tried += 1
        try:
            result = check(data, cuts)
        except Finding as finding:
            raise Finding(f"{finding}\n  input: {data!r}\n  split at: {sorted(cuts)}") from finding
        if result not in seen:
            seen.add(result)
            corpus.append(data)
    return tried, len(seen)


def fuzz_with_atheris(atheris: object, seconds: float, seed: int) -> None:
    """The same check, guided by coverage. Does not return: atheris ends the process."""

    def one(data: bytes) -> None:
        check(data[3:], [part * max(1, len(data)) // 256 for part in data[:3]])

    arguments = [sys.argv[0], f"-max_total_time={int(seconds)}", f"-seed={seed}", f"-max_len={MAX_SIZE}"]
    atheris.instrument_all()  # type: ignore[attr-defined]
    atheris.Setup(arguments, one)  # type: ignore[attr-defined]
    atheris.Fuzz()  # type: ignore[attr-defined]


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Fuzz the protocol: documented errors only, for every split.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None, help="repeat a run")
    parser.add_argument("--no-atheris", action="store_true", help="do not use atheris where it is there")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**31) if given.seed is None else given.seed
    if not given.no_atheris:
        try:
            atheris = importlib.import_module("atheris")
        except ImportError:
            pass
        else:
            fuzz_with_atheris(atheris, given.seconds, seed)
    try:
        tried, kept = fuzz(given.seconds, seed)
    except Finding as finding:
        print(f"FOUND (seed {seed}): {finding}")
        return 1
    print(f"nothing found: {tried} inputs, {kept} of them kept, seed {seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

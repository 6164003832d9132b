"""Every listed request through the reference service: whole, byte by byte, split at every offset, remembered or not.

"The same" means the same statuses, the same bytes sent, and the same sequence of delivered requests and bodies. Above
2,000 bytes the offsets are sampled, densely near the ends and the limits (`driver.offsets`).
"""

from __future__ import annotations

import pytest

from tests.wire.cases import Case, load
from tests.wire.driver import DOCUMENTED, in_bytes, offsets, run

LISTED = load("bad-requests.jsonl")
MORE = load("more-requests.jsonl")

# Where a listed row allows several statuses the plain one is 400, but for these.
PLAIN = {
    200: "host-052 hdr-083 hdr-085 cl-115 cl-116 lim-198 lim-199 sem-206 sem-207 sem-208 sem-211 sem-212 sem-213"
    " rl-038",
    404: "path-*",
    405: "sem-210",
    414: "lim-192",
    417: "sem-202",
    431: "lim-195 lim-197",
    501: "rl-026 te-124 te-125 te-137 te-138 te-141 te-150",
    505: "rl-018 rl-019 rl-039",
}


def plain_status(case: Case) -> int:
    """The one status that is best for a row."""
    if len(case.status) == 1:
        return next(iter(case.status))
    for status, ids in PLAIN.items():
        if case.id in ids.split() or case.id.partition("-")[0] + "-*" in ids.split():
            return status
    return 400


def answer(case: Case) -> int:
    return 404 if case.id.startswith("path-") else 200


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=str)


@each(LISTED + MORE)
def test_the_verdict(case: Case) -> None:
    outcome = run([case.data], answer=answer(case))
    if outcome.statuses:
        assert outcome.statuses[0] == plain_status(case)
        assert outcome.statuses[0] in case.status
        assert set(outcome.statuses) <= DOCUMENTED | {200, 404, 405}
    else:
        assert case.silent_close
    assert len(outcome.statuses) <= case.max_responses
    assert outcome.closed or not case.must_close
    assert case.max_responses > 1 or "/smuggled" not in [request.target for request in outcome.delivered]


@each(LISTED + MORE)
def test_the_same_verdict_however_it_is_split(case: Case) -> None:
    whole = run([case.data], answer=answer(case))
    assert run(in_bytes(case.data), answer=answer(case)) == whole
    for offset in offsets(len(case.data)):
        pieces = [case.data[:offset], case.data[offset:]]
        assert run(pieces, answer=answer(case)) == whole, f"split at {offset}"


@each(LISTED + MORE)
def test_the_same_verdict_behind_another_request(case: Case) -> None:
    """A request in front leaves its fields remembered; nothing of that may show."""
    front = b"GET /front HTTP/1.1\r\nHost: a\r\n\r\n"
    alone = run([case.data])
    for pieces in ([front + case.data], [front, case.data], [front, case.data[:20], case.data[20:]]):
        behind = run(pieces)
        assert behind.statuses == (200, *alone.statuses)
        assert behind.delivered[1:] == alone.delivered
        assert behind.closed == alone.closed
        assert behind == run(pieces, forgetful=True)


def test_there_are_enough_rows_and_no_two_of_one_name() -> None:
    names = [case.id for case in LISTED + MORE]
    assert len(LISTED) == 168
    assert len(MORE) >= 300
    assert len(set(names)) == len(names)


def test_obs_text_is_delivered_byte_for_byte() -> None:
    case = next(case for case in LISTED if case.id == "hdr-082")
    assert ("X", "\x85admin\xa0") in run([case.data]).delivered[0].fields


def test_leading_zeros_are_decimal() -> None:
    case = next(case for case in LISTED if case.id == "cl-116")
    assert run([case.data]).delivered[0].body == b"hello"

"""RFC 9112 §6.3 as a table: how long a body is, or why it is not known."""

from __future__ import annotations

import pytest

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.framing import CHUNKED, UNTIL_CLOSE, content_length, request_body_length, response_body_length

LARGEST = 2**63 - 1


@pytest.mark.parametrize(
    ("codings", "lengths", "length"),
    [
        ([], [], 0),  # rule 7
        ([], [b"0"], 0),
        ([], [b"5"], 5),  # rule 6
        ([], [b"005"], 5),
        ([], [b"%d" % LARGEST], LARGEST),
        ([b"chunked"], [], CHUNKED),  # rule 4
        ([b"CHUNKED"], [], CHUNKED),
    ],
)
def test_request(codings: list[bytes], lengths: list[bytes], length: int) -> None:
    assert request_body_length(codings, lengths, 1) == length


@pytest.mark.parametrize(
    ("codings", "lengths", "status"),
    [
        ([b"chunked"], [b"5"], 400),  # rule 3
        ([b"gzip"], [b"5"], 400),
        ([b"chunked"], [b""], 400),
        ([b"gzip"], [], 501),  # §6.1
        ([b"gzip, chunked"], [], 501),
        ([b"gzip", b"chunked"], [], 501),
        ([b'x;a="chunked, y"'], [], 501),
        ([b"chunked", b"chunked"], [], 400),  # §7.1: chunked once
        ([b"chunked, gzip"], [], 400),  # rule 4
        ([b"chunked;a=b"], [], 400),
        ([b"identity"], [], 400),
        ([b"gzip, identity"], [], 400),
        ([b""], [], 400),
        ([b"chunked", b""], [], 400),
        ([b"chun\xe2\x84\xaaed"], [], 400),  # the Kelvin sign is no k
        ([], [b""], 400),  # rule 5
        ([], [b"5", b"5"], 400),
        ([], [b"5, 5"], 400),
        ([], [b"+5"], 400),
        ([], [b"-5"], 400),
        ([], [b"5_0"], 400),
        ([], [b" 5"], 400),
        ([], [b"\xd9\xa5"], 400),
        ([], [b"%d" % (LARGEST + 1)], 400),
        ([], [b"9" * 5000], 400),
    ],
)
def test_request_refused(codings: list[bytes], lengths: list[bytes], status: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        request_body_length(codings, lengths, 1)
    assert caught.value.status == status


def test_transfer_encoding_in_http_1_0_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="HTTP/1.0"):
        request_body_length([b"chunked"], [], 0)
    with pytest.raises(RemoteProtocolError, match="HTTP/1.0"):
        response_body_length([b"chunked"], [], 0, 200, "GET")


@pytest.mark.parametrize(
    ("codings", "lengths", "status", "method", "length"),
    [
        ([], [b"5"], 200, "HEAD", 0),  # rule 1
        ([b"chunked"], [], 200, "HEAD", 0),
        ([], [b"5"], 304, "GET", 0),
        ([], [b"5"], 204, "GET", 0),
        ([b"chunked"], [], 100, "GET", 0),
        ([], [b"5"], 199, "GET", 0),
        ([], [b"5"], 200, "CONNECT", 0),  # rule 2
        ([], [], 299, "CONNECT", 0),
        ([], [b"5"], 300, "CONNECT", 5),
        ([b"chunked"], [], 200, "GET", CHUNKED),  # rule 4
        ([], [b"5"], 200, "GET", 5),  # rule 6
        ([], [b"0"], 404, "POST", 0),
        ([], [], 200, "GET", UNTIL_CLOSE),  # rule 8
        ([], [], 205, "GET", UNTIL_CLOSE),
    ],
)
def test_response(codings: list[bytes], lengths: list[bytes], status: int, method: str, length: int) -> None:
    assert response_body_length(codings, lengths, 1, status, method) == length


@pytest.mark.parametrize(
    ("codings", "lengths"), [([b"chunked"], [b"5"]), ([], [b"5", b"5"]), ([], [b"x"]), ([b"gzip"], []), ([b""], [])]
)
def test_response_refused(codings: list[bytes], lengths: list[bytes]) -> None:
    with pytest.raises(RemoteProtocolError):
        response_body_length(codings, lengths, 1, 200, "GET")


def test_content_length_alone() -> None:
    assert content_length([b"12"]) == 12

"""How long a message's body is: RFC 9112 §6.3 as one function, in its order.

Everything that smuggling lives on is decided here and nowhere else. The function is given the values of the framing
fields as they stood on the wire; it does not know which side we are, only whether the message is a request.
"""

from __future__ import annotations

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.grammar import CONTENT_LENGTH, TOKEN

# A body length is a number of bytes, or one of these.
CHUNKED = -1
UNTIL_CLOSE = -2


def request_body_length(transfer_encodings: list[bytes], content_lengths: list[bytes], minor: int) -> int:
    """The length of a request's body in bytes, or CHUNKED. RFC 9112 §6.3, with the values of each field line.

    Raises `RemoteProtocolError`: 400 where the length is doubtful in any way, 501 for a coding not known.
    """
    if transfer_encodings:
        return _transfer_coded(transfer_encodings, content_lengths, minor)  # §6.3 rules 3 and 4
    if content_lengths:
        return content_length(content_lengths)  # rules 5 and 6
    return 0  # rule 7


def response_body_length(
    transfer_encodings: list[bytes], content_lengths: list[bytes], minor: int, status: int, request_method: str
) -> int:
    """The length of a response's body: a number of bytes, CHUNKED, or UNTIL_CLOSE. RFC 9112 §6.3.

    `request_method` is the method it answers. Raises `RemoteProtocolError`.
    """
    if request_method == "HEAD" or status < 200 or status in (204, 304):
        return 0  # rule 1
    if request_method == "CONNECT" and status < 300:
        return 0  # rule 2: what follows is a tunnel, not a body
    if transfer_encodings:
        return _transfer_coded(transfer_encodings, content_lengths, minor)
    if content_lengths:
        return content_length(content_lengths)
    return UNTIL_CLOSE  # rule 8


def content_length(values: list[bytes]) -> int:
    """The one Content-Length. Two lines are refused even when equal: §6.3 rule 5 allows either, and what is refused
    cannot be read differently by somebody in front of us. A list ("5, 5") is not a number."""
    if len(values) > 1:
        raise RemoteProtocolError("more than one Content-Length")
    if not CONTENT_LENGTH.fullmatch(values[0]):
        raise RemoteProtocolError("Content-Length is not a number of at most 19 digits")
    return int(values[0])


def _transfer_coded(transfer_encodings: list[bytes], content_lengths: list[bytes], minor: int) -> int:
    if content_lengths:
        raise RemoteProtocolError("both Transfer-Encoding and Content-Length")  # rule 3, and §6.1: ought to be an error
    if minor == 0:
        raise RemoteProtocolError("Transfer-Encoding in HTTP/1.0")  # §6.1: faulty framing
    codings = [coding.strip(b" \t").lower() for line in transfer_encodings for coding in line.split(b",")]
    if codings == [b"chunked"]:
        return CHUNKED
    if not all(TOKEN.fullmatch(coding) for coding in codings) or b"identity" in codings:
        raise RemoteProtocolError("malformed Transfer-Encoding")
    if b"chunked" in codings[:-1]:
        raise RemoteProtocolError("chunked is not the final transfer coding")  # rule 4
    raise RemoteProtocolError("transfer coding not implemented", 501)

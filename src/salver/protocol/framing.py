"""How long a message's body is: RFC 9112 §6.3 as one function, in its order.

Everything that smuggling lives on is decided here and nowhere else. The function is given the values of the framing
fields as they stood on the wire; it does not know which side we are, only whether the message is a request.
"""

from __future__ import annotations

from salver.protocol.errors import RemoteProtocolError
from salver.protocol.grammar import CONTENT_LENGTH, MAX_LENGTH, TRANSFER_CODING, TRANSFER_CODINGS

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
    length = int(values[0])
    if length > MAX_LENGTH:
        raise RemoteProtocolError("a Content-Length that overflows")
    return length


def _transfer_coded(transfer_encodings: list[bytes], content_lengths: list[bytes], minor: int) -> int:
    if content_lengths:
        raise RemoteProtocolError("both Transfer-Encoding and Content-Length")  # rule 3, and §6.1: ought to be an error
    if minor == 0:
        raise RemoteProtocolError("Transfer-Encoding in HTTP/1.0")  # §6.1: faulty framing
    return _coding(b",".join(transfer_encodings))


def _coding(value: bytes) -> int:
    """CHUNKED for the one coding we know, alone. What else is well-formed and could frame a body is 501 (§6.1); what
    could not, whatever the codings mean, is 400 (§6.3 rule 4)."""
    if value.lower() == b"chunked":
        return CHUNKED
    if not TRANSFER_CODINGS.fullmatch(value):
        raise RemoteProtocolError("malformed Transfer-Encoding")
    codings = [(matched[1].lower(), matched[0]) for matched in TRANSFER_CODING.finditer(value)]
    if any(name == b"identity" for name, _ in codings):
        raise RemoteProtocolError("identity is not a transfer coding any more")
    if any(name == b"chunked" for name, _ in codings[:-1]):
        raise RemoteProtocolError("chunked is not the final transfer coding")
    if codings[-1][0] == b"chunked" and len(codings[-1][1]) > len(b"chunked"):
        raise RemoteProtocolError("chunked has no parameters")  # §7.1
    raise RemoteProtocolError("transfer coding not implemented", 501)

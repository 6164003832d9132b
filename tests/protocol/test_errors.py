"""The two errors and what they carry."""

from __future__ import annotations

from salver.protocol.errors import LocalProtocolError, ProtocolError, RemoteProtocolError


def test_a_remote_error_has_a_status_hint() -> None:
    assert RemoteProtocolError("x").status == 400
    error = RemoteProtocolError("too long", 414)
    assert (str(error), error.status) == ("too long", 414)


def test_both_are_protocol_errors_and_neither_is_the_other() -> None:
    assert issubclass(RemoteProtocolError, ProtocolError)
    assert issubclass(LocalProtocolError, ProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)

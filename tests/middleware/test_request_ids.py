"""A name for each request: whose is taken over, and where it is found."""

from __future__ import annotations

import logging
import re

import pytest

from salver.middleware import RequestIdFilter, request_id
from salver.problem import HTTPError, problem_of
from salver.protocol.errors import LocalProtocolError
from salver.request import Request
from salver.response import Response
from tests.middleware.support import Peer, request

FIELD = "X-Request-ID"


def test_each_has_its_own() -> None:
    seen: list[str] = []
    wrapped = request_id()(lambda request: seen.append(request.attributes["request_id"]) or "")
    sent = [wrapped(request()).headers[FIELD] for _ in range(50)]
    assert sent == seen and len(set(sent)) == 50
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in sent)


def test_one_that_is_sent_is_taken_from_peers_that_were_named() -> None:
    wrapped = request_id(accept_from=["10.0.0.0/8", "unix:"])(lambda request: "")
    fields = {FIELD: "0af7651916cd43dd"}
    for peer in ("10.0.0.1", "unix:"):
        assert wrapped(request("/", fields, peer=Peer(peer))).headers[FIELD] == "0af7651916cd43dd"
    assert wrapped(request("/", fields, peer=Peer("192.0.2.7"))).headers[FIELD] != "0af7651916cd43dd"
    assert request_id()(lambda request: "")(request("/", fields)).headers[FIELD] != "0af7651916cd43dd"


@pytest.mark.parametrize(
    "sent", ["short", "x" * 129, "with blank", "a,b,c,d,e", "<script>x</script>", "%(secret)s-", "é" * 9]
)
def test_a_malformed_one_is_not(sent: str) -> None:
    wrapped = request_id(accept_from=["10.0.0.1"])(lambda request: "")
    assert re.fullmatch("[0-9a-f]{32}", wrapped(request("/", {FIELD: sent}, peer=Peer("10.0.0.1"))).headers[FIELD])


def test_name_and_making_are_settings() -> None:
    response = request_id(header="X-Trace", make=lambda: "my-own-id")(lambda request: "")(request())
    assert response.headers["x-trace"] == "my-own-id" and FIELD not in response.headers
    with pytest.raises(LocalProtocolError):
        request_id(header="X Trace")


def test_it_is_in_the_log_lines_of_its_request(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIdFilter())
    logger = logging.getLogger("tests.request_ids")
    wrapped = request_id(make=lambda: "id-of-this")(lambda request: logger.warning("inside") or "")
    wrapped(request())
    logger.warning("outside")
    assert [record.__dict__["request_id"] for record in caplog.records] == ["id-of-this", "-"]


def test_an_error_that_passes_bears_it_and_the_next_request_does_not() -> None:
    def refuse(request: Request) -> Response:
        raise HTTPError(404)

    asked = request()
    with pytest.raises(HTTPError) as caught:
        request_id(make=lambda: "id-of-this")(refuse)(asked)
    assert problem_of(asked, caught.value).headers[FIELD] == "id-of-this"
    record = logging.makeLogRecord({})
    assert RequestIdFilter().filter(record) and record.__dict__["request_id"] == "-"

"""Error pages: the form that was asked for, and nothing in them that is not escaped."""

from __future__ import annotations

import json

import pytest

from salver.problem import problem
from salver.protocol.heads import RequestHead, Section
from salver.request import Request
from salver.response import Response


def asking(accept: str | None) -> Request:
    raw = b"" if accept is None else b"Accept: " + accept.encode() + b"\r\n"
    return Request(RequestHead("GET", "/", Section(raw + b"\r\n", 1)), None)  # type: ignore[arg-type]


def body_of(response: Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


@pytest.mark.parametrize("accept", [None, "*/*", "text/html,*/*;q=0.8", "image/png", ""])
def test_people_get_a_page(accept: str | None) -> None:
    response = problem(asking(accept), 404, "<b>nothing</b> at \x1b[2J & there")
    assert response.status == 404
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert b"<h1>404 Not Found</h1>" in body_of(response)
    assert b"&lt;b&gt;nothing&lt;/b&gt;" in body_of(response)
    assert b"<b>" not in body_of(response)


@pytest.mark.parametrize("media_type", ["application/json", "application/problem+json"])
def test_programs_get_json(media_type: str) -> None:
    response = problem(asking(media_type), 405, 'not "that"')
    assert response.headers["content-type"] == media_type
    assert json.loads(body_of(response)) == {"status": 405, "title": "Method Not Allowed", "detail": 'not "that"'}


def test_plain_text_is_plain() -> None:
    response = problem(asking("text/plain"), 403, "<no>")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.body == b"403 Forbidden\n<no>\n"
    assert problem(asking("text/plain"), 403).body == b"403 Forbidden\n"


def test_there_may_be_no_request_and_no_detail() -> None:
    response = problem(None, 599)
    assert b"<h1>599 Unknown</h1>\n</body>" in body_of(response)


def test_fields_are_added_and_replace() -> None:
    response = problem(None, 405, headers=[("Allow", "GET"), ("X-Content-Type-Options", "own")])
    assert response.headers["allow"] == "GET"
    assert response.headers.get_all("x-content-type-options") == ["own"]


def test_lone_surrogates_do_not_break_the_page() -> None:
    assert b"\\udcff" in body_of(problem(None, 404, "\udcff"))

"""What a redirect asks for next: a decision, from the request and its response to the next request.

RFC 9110 §15.4: 303 means GET (a HEAD stays one); after 301 and 302 a POST becomes GET, as everybody does it; 307 and
308 repeat the request as it was. What was meant for one origin alone (Authorization, Cookie) does not go to another:
another scheme, host or port is another origin. Following is the client's.
"""

from __future__ import annotations

from salver.client.content import Content
from salver.client.errors import BrokenResponse, InvalidRequest
from salver.client.message import Request
from salver.client.url import URL

STATUSES = frozenset((301, 302, 303, 307, 308))

_OF_CONTENT = frozenset(
    (
        "content-type",
        "content-length",
        "content-encoding",
        "content-language",
        "content-location",
        "transfer-encoding",
        "expect",
    )
)
_OF_ORIGIN = frozenset(("authorization", "cookie", "proxy-authorization", "host"))


def next_request(request: Request, status: int, location: str | None) -> Request | None:
    """The request that follows, None where the response is not a redirect. Raises `BrokenResponse` for a Location that
    leads nowhere, or out of http; `InvalidRequest` where the content cannot be sent a second time."""
    if status not in STATUSES or location is None:
        return None
    url = _resolved(request.url, location)
    method, content = request.method, request.content
    drops_content = status == 303 and method != "HEAD"
    if drops_content or (status in (301, 302) and method == "POST"):
        method, content = "GET", b""
        drops_content = True
    if isinstance(content, Content) and content.is_gone:
        raise InvalidRequest(
            f"redirected by {status}, but the content was an iterator and is gone; give bytes or a file",
            str(request.url),
        )
    gone = _OF_CONTENT if drops_content else frozenset()
    if url.origin != request.url.origin:
        gone = gone | _OF_ORIGIN
    headers = [(name, value) for name, value in request.headers if name.lower() not in gone]
    expects = request.expects and not drops_content
    return request.replaced(method=method, url=url, headers=headers, content=content, expects=expects)


def _resolved(url: URL, location: str) -> URL:
    try:
        # Locations come as latin-1; what is not ASCII in one was meant as UTF-8 (RFC 9110 §10.2.2 allows neither).
        return url.join(location.encode("latin-1").decode("utf-8", "surrogateescape"))
    except InvalidRequest as error:
        raise BrokenResponse(f"redirected to what is no URL: {error.message}", str(url)) from None

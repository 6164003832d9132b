"""What every call may say about its request, in one place and typed: `get`, `post`, `Client.request` take the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Union

from salver.client.auth import AuthLike
from salver.client.content import ContentLike
from salver.client.proxies import ProxyLike
from salver.client.retries import Retries
from salver.client.timeouts import TimeoutLike
from salver.client.tls import Cert, Verify
from salver.client.url import Params

HeadersLike = Union[Mapping[str, str], Mapping[str, Union[str, None]], Iterable[tuple[str, str]], None]


class RequestOptions(TypedDict, total=False):
    """Of `content` (bytes, str, a binary file, an iterable of bytes), `data` (a form: a mapping or pairs), `files`
    (parts of a multipart form, beside `data`) and `json`, one is given; None is as if it were not.

    `headers`: instead of the client's of the same name; None for a value takes one away. `cookies`: for this request
    alone, beside those that are kept. `stream`: the content is not collected.
    """

    params: Params
    headers: HeadersLike
    cookies: Mapping[str, str] | None
    content: ContentLike
    data: Any
    json: Any
    files: Any
    auth: AuthLike
    timeout: TimeoutLike
    follow_redirects: bool
    stream: bool


class OneShotOptions(RequestOptions, total=False):
    """For a call without a client: what else `Client` would be told."""

    verify: Verify
    cert: Cert
    proxy: ProxyLike
    trust_env: bool
    unix_socket: str | None
    retries: int | Retries
    max_redirects: int
    max_content: int


OF_CLIENT = frozenset(OneShotOptions.__annotations__) - frozenset(RequestOptions.__annotations__)
_OF_REQUEST = frozenset(RequestOptions.__annotations__)
_NAMED_HERE = {"allow_redirects": "follow_redirects", "body": "content"}  # by those who come from other clients


def check_names(options: Iterable[str]) -> None:
    """Raises TypeError, as Python does for an argument that there is not: one that is misspelt must not be passed over
    in silence, least of all a time-out."""
    for name in options:
        if name in OF_CLIENT:
            raise TypeError(f"{name!r} is for a Client as a whole: Client({name}=…)")
        if name not in _OF_REQUEST:
            hint = f"; it is called {_NAMED_HERE[name]!r} here" if name in _NAMED_HERE else ""
            raise TypeError(f"a request has no option {name!r}{hint}")

"""Who is there: the session cookie of a request, and what is kept from those who have none.

The cookie is `__Host-salver` with Secure, HttpOnly and SameSite=Lax, so that no other host, no script and no other
site's form can bring or read it; on plain http to this computer, where no browser keeps such a cookie, it is `salver`
without the two. What changes something is refused where a browser says that another site's page sent it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from salver.accounts.errors import AccountError, ForeignOrigin
from salver.accounts.sessions import Login, Sessions
from salver.accounts.store import User
from salver.handler import respond_and_finish, responder, wraps_handler
from salver.protocol.headers import MutableHeaders
from salver.request import Request
from salver.response import Response
from salver.semantics.addresses import is_loopback, is_loopback_authority
from salver.semantics.negotiation import with_vary

_LOGIN, _COOKIE = "salver.login", "salver.cookie"
_SAFE = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))
_OWN_SITE = frozenset(("same-origin", "none"))  # none: typed, or a bookmark

Failed = Callable[[Request, AccountError], Response]


class Gate:
    """Safe to use from several threads."""

    def __init__(self, sessions: Sessions, origins: Collection[str], *, plain: bool) -> None:
        """`origins`: other ones whose pages may ask. `plain`: sessions over http:// to other machines, too."""
        self._sessions = sessions
        self._origins = frozenset(origins)
        self._plain = plain

    # The session

    def login_of(self, request: Request) -> Login | None:
        """The login of this request, None for none; looked up once. Raises `StoreUnavailable`."""
        attributes = request.attributes
        if _LOGIN not in attributes:
            text = request.cookies.get(self.cookie_name(request))
            attributes[_COOKIE] = text or ""
            attributes[_LOGIN] = self._sessions.find(text) if text else None
            if attributes[_LOGIN] is not None:
                attributes["user"] = attributes[_LOGIN].user
        login: Login | None = attributes[_LOGIN]
        return login

    def user_of(self, request: Request) -> User | None:
        """Who it is, None for nobody. Raises `StoreUnavailable`."""
        login = self.login_of(request)
        return None if login is None else login.user

    def cookie_of(self, request: Request) -> str:
        """What the client holds, "" for nothing; whether it is a session that holds is another question."""
        self.login_of(request)
        return str(request.attributes[_COOKIE])

    def cookie_name(self, request: Request) -> str:
        """By what name the cookie goes on this connection."""
        return "salver" if self._is_unguarded(request) else "__Host-salver"

    def _is_unguarded(self, request: Request) -> bool:
        return not request.is_secure and (self._plain or is_at_home(request))

    def can_keep(self, request: Request) -> bool:
        """A browser will keep the session's cookie: the connection is secure, or to this computer."""
        return request.is_secure or self._is_unguarded(request)

    def give(self, request: Request, response: Response, text: str) -> None:
        """Have the client hold a new session."""
        response.set_cookie(
            self.cookie_name(request),
            text,
            max_age=self._sessions.lifetime,
            secure=not self._is_unguarded(request),
            httponly=True,
            samesite="Lax",
        )

    def take_back(self, request: Request, response: Response) -> None:
        """Have the client forget it."""
        response.delete_cookie(self.cookie_name(request), secure=not self._is_unguarded(request))

    # What is refused

    def check_origin(self, request: Request) -> None:
        """Raise `ForeignOrigin` for a request that changes something and that a browser sent for another site's page.
        Programs that are no browser send neither field, and no cookie unasked."""
        if request.method in _SAFE:
            return
        origin = request.headers.get("origin")
        if origin is not None:
            # https although it came by http: a proxy that speaks TLS for us, and no worse a page than ours.
            own = (f"{request.scheme}://{request.host}", f"https://{request.host}")
            if origin not in own and origin not in self._origins:
                raise ForeignOrigin("the request comes from a page of another site")
        elif request.headers.get("sec-fetch-site", "none").lower() not in _OWN_SITE:
            raise ForeignOrigin("the request comes from a page of another site")

    def require(self, handler: Callable[..., Any], refused: Callable[[Request], Response], failed: Failed) -> Any:
        """`handler` for those who are logged in; `refused` answers the others, and `failed` where it cannot be known.
        What it answers is kept by no cache, so that nothing is left in a browser after logging out."""
        respond = responder(handler)

        @wraps_handler(handler)
        def guarded(request: Request, **params: Any) -> Response:
            try:
                login = self.login_of(request)
                if login is not None:
                    self.check_origin(request)
            except AccountError as error:
                return private(failed(request, error))
            if login is None:
                return private(refused(request))
            return respond_and_finish(respond, request, params, _keep_private)

        return guarded


def private(response: Response) -> Response:
    """For this client alone, and for now."""
    _keep_private(None, response.headers)
    return response


def _keep_private(_: Request | None, headers: MutableHeaders) -> None:
    headers["Cache-Control"] = "no-store"
    headers["Vary"] = with_vary(headers.get("vary"), "Cookie")


def is_at_home(request: Request) -> bool:
    """The request comes from this computer, and asked for it by a name that means this computer. Who comes by a Unix
    socket does not: that is a proxy, and "localhost" the name by which many proxies ask for whatever they are asked."""
    return is_loopback(request.client.host) and is_loopback_authority(request.host)

"""The interfaces for programs that there are with a mailer:

    POST /api/forgotten    {"account"}: a name, or an address of mail
    POST /api/reset        {"token", "password"}
    POST /api/email        {"password", "email"}, "" for none
    POST /api/confirm      {"token"}

A token comes in a body, and is in no log. What it may do it may do from any browser: a session is neither needed nor
made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from salver.accounts.api import BODY_MAX, Action, Interface, success, text_of
from salver.accounts.links import Owner
from salver.accounts.recovery import Recovery
from salver.accounts.texts import language_of, words_of
from salver.app import App
from salver.request import Request
from salver.response import Response

_TOKEN_MOST = 200  # characters: what is longer was never given


class RecoveryInterface:
    """The routes, and what they do. Safe to use from several threads."""

    def __init__(self, recovery: Recovery, interface: Interface) -> None:
        self._recovery = recovery
        self._interface = interface

    def add_to(self, app: App) -> None:
        """Register the routes."""
        posts: dict[str, tuple[Action, bool]] = {
            "/api/forgotten": (self._forgotten, False),
            "/api/email": (self._set_email, False),
            # What has the token does not need the session, so that another site's page gains nothing by either.
            "/api/reset": (self._reset, True),
            "/api/confirm": (self._confirm, True),
        }
        for path, (action, from_anywhere) in posts.items():
            view = self._interface.guarded(action, from_anywhere=from_anywhere)
            app.add_route(path, view, ["POST"], name=path[1:], max_body=BODY_MAX, blocking=True)

    def _forgotten(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self.forgotten(request, sent)
        return success(detail=words_of(_language(request))["forgotten_sent"])

    def forgotten(self, request: Request, sent: Mapping[str, Any]) -> None:
        """A letter to whoever it is, or nothing. Raises `AccountError`."""
        account = text_of(sent, "account")
        self._recovery.forgotten(account, address=request.client.host, language=_language(request))

    def _set_email(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self.set_email(request, sent)
        return success()

    def set_email(self, request: Request, sent: Mapping[str, Any]) -> None:
        """Another address for who is logged in. Raises `AccountError`."""
        login = self._interface.needed_login(request)
        password, email = text_of(sent, "password"), text_of(sent, "email", needed=False).strip()
        self._recovery.set_email(login, password, email, address=request.client.host, language=_language(request))

    def _reset(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self.reset(request, sent)
        return success()

    def reset(self, request: Request, sent: Mapping[str, Any]) -> None:
        """Another password by a link. Raises `AccountError`."""
        token, password = _token_of(sent), text_of(sent, "password")
        self._recovery.reset(token, password, address=request.client.host, language=_language(request))

    def _confirm(self, request: Request, sent: Mapping[str, Any]) -> Response:
        return success(email=self.confirm(request, sent).email)

    def confirm(self, request: Request, sent: Mapping[str, Any]) -> Owner:
        """The address that a link was sent to. Raises `AccountError`."""
        return self._recovery.confirm(_token_of(sent), address=request.client.host, language=_language(request))

    # What the pages ask

    def owner_of_reset(self, request: Request, token: str) -> Owner:
        """Whose password the link would set. Raises `AccountError`."""
        return self._recovery.owner_of_reset(token[:_TOKEN_MOST], address=request.client.host)

    def owner_of_confirmation(self, request: Request, token: str) -> Owner:
        """Which address the link would confirm. Raises `AccountError`."""
        return self._recovery.owner_of_confirmation(token[:_TOKEN_MOST], address=request.client.host)


def _token_of(sent: Mapping[str, Any]) -> str:
    return text_of(sent, "token")[:_TOKEN_MOST]


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language"))

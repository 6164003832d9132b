"""The pages that there are with a mailer: forgotten password, a new one by a link, an address confirmed by a link.

A link leads to a page that changes nothing by being looked at, as mail is looked through by programs that open every
link: what it is for is done by the page's button. The link's token is taken out of the target before anything is
logged, and the page sends no Referer to anybody (Referrer-Policy); the browser's history has it, so that a token is
good once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from salver.accounts.api import ANY_METHOD, BODY_MAX
from salver.accounts.errors import AccountError, VoidLink
from salver.accounts.pages import Pages
from salver.accounts.recovery_api import RecoveryInterface
from salver.app import App
from salver.request import Request
from salver.response import HTTPError, Response

View = Callable[[Request], Response]


class RecoveryPages:
    """The routes, and what they show. Safe to use from several threads."""

    def __init__(self, interface: RecoveryInterface, pages: Pages) -> None:
        self._interface = interface
        self._pages = pages

    def add_to(self, app: App) -> None:
        """Register the routes."""
        pages = self._pages
        app.add_route("/forgotten", pages.watched(self._show_forgotten), ["GET"], name="page/forgotten")
        for path, view in {
            "/forgotten": pages.acting(self._ask, "forgotten.html"),
            "/account/email": pages.acting(self._set_email, "account.html", at_fault="email"),
        }.items():
            app.add_route(path, view, ["POST"], name=f"form{path}", max_body=BODY_MAX, blocking=True)
        # The page sends no Referer, and a browser then says of its form that it comes from nowhere ("Origin: null").
        for path, shown, acted in (
            ("/reset", self._show_reset, pages.acting(self._reset, "reset.html", from_anywhere=True)),
            ("/confirm", self._show_confirm, pages.acting(self._confirm, "confirm.html", from_anywhere=True)),
        ):
            view = self._behind_a_link(shown, acted)
            app.add_route(path, view, ANY_METHOD, name=f"page{path}", max_body=BODY_MAX, blocking=True)

    # A password is forgotten

    def _show_forgotten(self, request: Request) -> Response:
        return self._pages.page(request, "forgotten.html", {})

    def _ask(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self._interface.forgotten(request, sent)
        return self._pages.to(request, "forgotten", "?changed=1")

    # A link is opened

    def _behind_a_link(self, shown: Callable[[Request, str], Response], acted: View) -> View:
        def view(request: Request) -> Response:
            token = request.query.get("token", "") if request.method in ("GET", "HEAD") else ""
            changed = request.query.get("changed", "")
            request.target = request.raw_path + ("?changed=1" if changed else "")  # whatever the method: logs show it
            if request.method == "POST":
                response = acted(request)
            elif request.method in ("GET", "HEAD"):
                response = self._pages.watched(lambda request: shown(request, token))(request)
            else:
                raise HTTPError(405, headers={"Allow": "GET, HEAD, POST"})
            response.headers["Referrer-Policy"] = "no-referrer"
            return response

        return view

    def _show_reset(self, request: Request, token: str) -> Response:
        try:
            owner = self._interface.owner_of_reset(request, token)
        except VoidLink as error:
            return self._void(request, "reset.html", error)
        return self._pages.page(request, "reset.html", {"token": token, "username": owner.name})

    def _reset(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self._interface.reset(request, sent)
        return self._pages.to(request, "login", "?changed=1")

    def _show_confirm(self, request: Request, token: str) -> Response:
        if not token and request.query.get("changed"):
            return self._pages.page(request, "confirm.html", {})
        try:
            owner = self._interface.owner_of_confirmation(request, token)
        except VoidLink as error:
            return self._void(request, "confirm.html", error)
        return self._pages.page(request, "confirm.html", {"token": token, "username": owner.name, "email": owner.email})

    def _confirm(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self._interface.confirm(request, sent)
        return self._pages.to(request, "confirm", "?changed=1")

    def _void(self, request: Request, page: str, error: AccountError) -> Response:
        return self._pages.again(request, page, {}, error)

    # One's account

    def _set_email(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self._interface.set_email(request, sent)
        return self._pages.to(request, "account", "?changed=email")

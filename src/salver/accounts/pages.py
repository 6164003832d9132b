"""The pages for people: log in, register, one's account. They work without a script, and better with one.

A form goes to its own page: success leads on (303) to where `next` says, on this origin alone; failure shows the page
again, with what is wrong beside the field, and the name still in it. The script sends the same to the interface for
programs, and opens the login as a dialog over the page that needs it. Nothing comes from elsewhere, and the policy of
the pages (Content-Security-Policy) forbids that anything does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from salver.accounts.api import BODY_MAX, Interface, sent_fields, text_of
from salver.accounts.devices import device_name
from salver.accounts.errors import AccountError
from salver.accounts.gate import Gate, private
from salver.accounts.recovery import Recovery
from salver.accounts.registrar import Registrar
from salver.accounts.settings import AccountSettings
from salver.accounts.texts import explained, language_of, words_of
from salver.app import App
from salver.problem import problem
from salver.request import Request
from salver.response import Response
from salver.semantics.urls import is_same_origin_path

if TYPE_CHECKING:
    from jinja2 import Environment

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_STATIC = {"accounts.css": "text/css; charset=utf-8", "accounts.js": "text/javascript; charset=utf-8"}
# What a page that is shown again keeps of what was sent: never a password.
_KEPT = ("username", "nickname", "email", "account", "token", "next")
_AS_SHOWN_FIRST = {"error": None, "said": "", "at_fault": "", **dict.fromkeys(_KEPT, "")}

Act = Callable[[Request, Mapping[str, Any]], Response]


class Pages:
    """The routes, and what they show. Safe to use from several threads."""

    def __init__(
        self,
        interface: Interface,
        registrar: Registrar,
        gate: Gate,
        settings: AccountSettings,
        recovery: Recovery | None = None,
    ) -> None:
        """`recovery`: None where there is no mailer, and so no address of mail."""
        self._recovery = recovery
        self._interface = interface
        self._registrar = registrar
        self._gate = gate
        self._settings = settings
        self._static = {name: (files("salver.accounts") / "static" / name).read_bytes() for name in _STATIC}
        self._versions = {name: sha256(data).hexdigest()[:16] for name, data in self._static.items()}

    def add_to(self, app: App) -> None:
        """Register the routes."""
        shown = {"/": self._home, "/login": self._login, "/register": self._register, "/account": self._account}
        for path, show in shown.items():
            app.add_route(path, self.watched(show), ["GET"], name=f"page{path}")
        sent: dict[str, tuple[Act, str]] = {
            "/login": (self._log_in, "login.html"),
            "/register": (self._make_account, "register.html"),
            "/logout": (self._log_out, "login.html"),
            "/account/password": (self._change_password, "account.html"),
            "/account/sessions": (self._end_session, "account.html"),
        }
        for path, (act, page) in sent.items():
            view = self.acting(act, page, at_fault="password")
            app.add_route(path, view, ["POST"], name=f"form{path}", max_body=BODY_MAX, blocking=True)
        for name, media_type in _STATIC.items():
            app.add_route(f"/{name}", self._file(name, media_type), ["GET"], name=name)

    # What is shown

    def _home(self, request: Request) -> Response:
        return self.to(request, "account" if self._gate.login_of(request) else "login")

    def _login(self, request: Request) -> Response:
        if self._gate.login_of(request) is not None:
            return self._onwards(request, request.query.get("next") or "")
        return self.page(request, "login.html", {"next": request.query.get("next", "")})

    def _register(self, request: Request) -> Response:
        if not self._settings.registration:
            return self.to(request, "login")
        return self.page(request, "register.html", {"next": request.query.get("next", "")})

    def _account(self, request: Request) -> Response:
        login = self._gate.login_of(request)
        if login is None:
            return self.to(request, "login", f"?next={quote(request.prefix + '/account')}")
        return self.page(request, "account.html", {})

    # What is sent

    def _log_in(self, request: Request, sent: Mapping[str, Any]) -> Response:
        text, _ = self._interface.log_in(request, sent)
        response = self._onwards(request, str(sent.get("next", "")))
        self._gate.give(request, response, text)
        return response

    def _make_account(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self._interface.register(request, sent)
        return self._log_in(request, sent)

    def _log_out(self, request: Request, sent: Mapping[str, Any]) -> Response:
        text = self._gate.cookie_of(request)
        if text:
            self._registrar.log_out(text)
        response = self.to(request, "login")
        self._gate.take_back(request, response)
        # What this origin has left in the browser of the pages that were behind the login.
        response.headers["Clear-Site-Data"] = '"cache"'
        return response

    def _change_password(self, request: Request, sent: Mapping[str, Any]) -> Response:
        login = self._interface.needed_login(request)
        self._interface.change_password(request, login, sent)
        return self.to(request, "account", "?changed=1")

    def _end_session(self, request: Request, sent: Mapping[str, Any]) -> Response:
        login = self._interface.needed_login(request)
        if sent.get("others"):
            self._registrar.end_other_sessions(login)
        else:
            self._registrar.end_session(login, text_of(sent, "id"))
        return self.to(request, "account")

    # Around them

    def watched(self, show: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """A view that shows something; what is refused becomes a page that says so."""

        def view(request: Request) -> Response:
            try:
                return private(show(request))
            except AccountError as error:
                return self.failed(request, error)

        return view

    def acting(
        self, act: Act, page: str, *, at_fault: str = "", from_anywhere: bool = False
    ) -> Callable[[Request], Response]:
        """A view that carries out what a form has sent; what is refused is said on `page`, in the form `at_fault` where
        it has several. `from_anywhere`: see `Interface.guarded`."""

        def view(request: Request) -> Response:
            sent: Mapping[str, Any] = {}
            try:
                if not from_anywhere:
                    self._gate.check_origin(request)
                sent = sent_fields(request)
                return private(act(request, sent))
            except AccountError as error:
                return self.again(request, page, {**sent, "at_fault": at_fault}, error)

        return view

    def again(self, request: Request, page: str, sent: Mapping[str, Any], error: AccountError) -> Response:
        """The page that was sent, with what is wrong; where that cannot be said beside a field, above all of them."""
        if page == "account.html" and error.code in ("not_logged_in", "store_unavailable", "foreign_origin"):
            return self.failed(request, error)
        try:
            return self._with_error(request, page, sent, error)
        except AccountError as again:  # the page asks the store as well
            return self.failed(request, again)

    def _with_error(self, request: Request, page: str, sent: Mapping[str, Any], error: AccountError) -> Response:
        kept = {name: sent.get(name, "") for name in (*_KEPT, "at_fault")}
        wrong = {"error": error, "said": explained(error, _language(request))}
        response = self.page(request, page, {**kept, **wrong})
        response.status = 422 if error.status == 401 else error.status
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        return response

    def page(self, request: Request, name: str, values: Mapping[str, Any]) -> Response:
        """The page of a template. Raises `StoreUnavailable`."""
        language = _language(request)
        login = self._gate.login_of(request)
        own = login if name == "account.html" else None
        sessions = self._registrar.sessions_of(own) if own is not None else []
        email = self._recovery.email_of(own.user) if own is not None and self._recovery is not None else None
        text = self._templates.get_template(name).render(
            words=words_of(language),
            language=language,
            base=request.prefix,
            versions=self._versions,
            settings=self._settings,
            login=login,
            sessions=sessions,
            mails=self._recovery is not None,
            address=email,
            can_keep=self._gate.can_keep(request),
            changed=request.query.get("changed", ""),
            **{**_AS_SHOWN_FIRST, **values},
        )
        response = private(Response(text, headers={"Content-Language": language}))
        response.headers["Vary"] = "Cookie, Accept-Language"
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    @cached_property
    def _templates(self) -> Environment:
        try:
            from jinja2 import Environment, PackageLoader, StrictUndefined
        except ImportError:
            raise RuntimeError('accounts need the extra "accounts": pip install "salver[accounts]"') from None

        loader = PackageLoader("salver.accounts", "templates")
        made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        made.filters["device"] = device_name
        made.filters["moment"] = lambda seconds: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return made

    def _file(self, name: str, media_type: str) -> Callable[[Request], Response]:
        data = self._static[name]
        etag = f'"{self._versions[name]}"'

        def view(request: Request) -> Response:
            fields = {"ETag": etag, "Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
            if etag in request.headers.get("if-none-match", ""):
                return Response(b"", 304, fields)
            return Response(data, 200, fields, content_type=media_type)

        return view

    # Where to

    def to(self, request: Request, page: str, more: str = "") -> Response:
        """On to another of these pages."""
        return Response.redirect(f"{request.prefix}/{page}{more}")

    def _onwards(self, request: Request, where: str) -> Response:
        """To where the login was asked for, on this origin alone."""
        if where and is_same_origin_path(where):
            return Response.redirect(where)
        return self.to(request, "account")

    def sent_to_login(self, request: Request, at: str) -> Response:
        """For a request to something else that needs a login: the login page, and then where it wanted to go; 401 for
        whatever is no page in a browser."""
        # A browser names text/html; a program that takes anything is better told what is wrong.
        if request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", ""):
            wanted = request.target if request.target.startswith("/") else request.raw_path
            return Response.redirect(f"{at}/login?next={quote(wanted, safe='/')}")
        fields = {"WWW-Authenticate": f'Session realm="{quote(self._settings.name)}"'}
        return problem(request, 401, words_of(_language(request))["please_log_in"], fields)

    def failed(self, request: Request, error: AccountError) -> Response:
        """A page, or JSON, that says what was refused."""
        fields = {"Retry-After": str(error.retry_after)} if error.retry_after is not None else {}
        return private(problem(request, error.status, explained(error, _language(request)), fields))


def _language(request: Request) -> str:
    return language_of(request.headers.get("accept-language"))

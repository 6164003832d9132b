"""The interfaces for programs: JSON in, JSON out; a form is taken as well.

    POST /api/register     {"username", "password", "nickname"}
    POST /api/login        {"username", "password"}
    POST /api/logout
    GET  /api/me
    POST /api/password     {"password", "new_password"}
    GET  /api/sessions     POST /api/sessions/end {"id"}, or {"others": true}
    GET  /register.do?p={…}     where it was asked for

and with a mailer those of `recovery_api`. Every answer has `message` and `code`: "success" and 0, or "failed" and -1
with `error` (a word that never changes), `field` and `detail` (for a person, in their language). What a client sends
here is in no log.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from salver.accounts.errors import (
    AccountError,
    Malformed,
    MissingField,
    NotLoggedIn,
    PasswordTooLong,
    RegistrationClosed,
    WeakPassword,
)
from salver.accounts.gate import Gate, private
from salver.accounts.recovery import Recovery
from salver.accounts.registrar import Registrar
from salver.accounts.sessions import Login
from salver.accounts.settings import AccountSettings
from salver.accounts.store import Session, User
from salver.accounts.texts import explained, language_of
from salver.app import App
from salver.protocol.errors import RemoteProtocolError
from salver.request import Request
from salver.response import HTTPError, Response
from salver.semantics.content_types import is_json_type
from salver.semantics.forms import parse_urlencoded
from salver.semantics.json_text import parse_json

BODY_MAX = 16_384  # bytes: a password of 1,024 with every character escaped, three times over
# What was refused for what it says, and not for how it was sent: with status 200 unless it is to be strict.
_OF_CONTENT = frozenset(
    (
        *("bad_name", "name_taken", "bad_nickname", "bad_email", "weak_password"),
        *("wrong_credentials", "wrong_password", "void_link", "missing_field"),
    )
)
_FORMS = frozenset(("application/x-www-form-urlencoded", "multipart/form-data"))
ANY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")

Action = Callable[[Request, Mapping[str, Any]], Response]


class Interface:
    """The routes, and what they do. Safe to use from several threads."""

    def __init__(
        self, registrar: Registrar, gate: Gate, settings: AccountSettings, recovery: Recovery | None = None
    ) -> None:
        """`recovery`: None where there is no mailer, and so no address of mail."""
        self._registrar = registrar
        self._gate = gate
        self._settings = settings
        self._recovery = recovery

    def add_to(self, app: App) -> None:
        """Register the routes."""
        posts: dict[str, Action] = {
            "/api/register": self._register,
            "/api/login": self._log_in,
            "/api/logout": self._log_out,
            "/api/password": self._change_password,
            "/api/sessions/end": self._end_session,
        }
        for path, action in posts.items():
            view = self.guarded(action)
            # What hashes is handed over before it begins; the others ask the database, and are learned like any.
            hashes = path in ("/api/register", "/api/login", "/api/password")
            app.add_route(path, view, ["POST"], name=path[1:], max_body=BODY_MAX, blocking=hashes or None)
        for path, action in {"/api/me": self._me, "/api/sessions": self._sessions}.items():
            app.add_route(path, self.guarded(action), ["GET"], name=path[1:])
        # There in any case: whoever asks for it where it is off has sent a password in the target all the same.
        by_get = self._settings.register_by_get
        app.add_route("/register.do", self._register_by_get, ANY_METHOD, name="register.do", blocking=by_get or None)

    # Around every action

    def guarded(self, action: Action, *, from_anywhere: bool = False) -> Callable[[Request], Response]:
        """A view of an action: what it refuses is answered. `from_anywhere`: also for another site's page, which is of
        no use to it where the session does not count."""

        def view(request: Request) -> Response:
            try:
                if not from_anywhere:
                    self._gate.check_origin(request)
                return private(action(request, sent_fields(request) if request.method == "POST" else {}))
            except AccountError as error:
                return self.failed(request, error)

        return view

    def failed(self, request: Request, error: AccountError) -> Response:
        """The answer to what was refused."""
        language = language_of(request.headers.get("accept-language"))
        said = {"message": "failed", "code": -1, "error": error.code, "detail": explained(error, language)}
        if error.field:
            said["field"] = error.field
        response = private(Response.json(said, self._status_of(error)))
        if error.retry_after is not None:
            response.headers["Retry-After"] = str(error.retry_after)
        if response.status == 401:
            response.headers["WWW-Authenticate"] = f'Session realm="{quote(self._settings.name)}"'
        return response

    def needed_login(self, request: Request) -> Login:
        """The login of a request that needs one. Raises `NotLoggedIn`, `StoreUnavailable`."""
        login = self._gate.login_of(request)
        if login is None:
            raise NotLoggedIn("there is no session, or it has ended")
        return login

    # What they do

    def _register(self, request: Request, sent: Mapping[str, Any]) -> Response:
        user = self.register(request, sent)
        return success(user=_shown(user))

    def register(self, request: Request, sent: Mapping[str, Any]) -> User:
        """A new account of what was sent. Raises `AccountError`."""
        if not self._settings.registration:
            raise RegistrationClosed("accounts are made by whoever runs this")
        nickname = text_of(sent, "nickname", needed=False)
        name, password = text_of(sent, "username"), text_of(sent, "password")
        address = request.client.host
        if self._recovery is None:
            return self._registrar.register(name, password, nickname, address=address)
        email = text_of(sent, "email", needed=False).strip()
        language = language_of(request.headers.get("accept-language"))
        return self._recovery.register(name, password, nickname, email, address=address, language=language)

    def _log_in(self, request: Request, sent: Mapping[str, Any]) -> Response:
        text, login = self.log_in(request, sent)
        response = success(user=_shown(login.user))
        self._gate.give(request, response, text)
        return response

    def log_in(self, request: Request, sent: Mapping[str, Any]) -> tuple[str, Login]:
        """A new session; the one that the request brought ends. Raises `AccountError`."""
        return self._registrar.log_in(
            text_of(sent, "username"),
            text_of(sent, "password"),
            address=request.client.host,
            agent=request.headers.get("user-agent", ""),
            instead_of=self._gate.cookie_of(request),
        )

    def _log_out(self, request: Request, sent: Mapping[str, Any]) -> Response:
        text = self._gate.cookie_of(request)
        if text:
            self._registrar.log_out(text)
        response = success()
        self._gate.take_back(request, response)
        return response

    def _me(self, request: Request, sent: Mapping[str, Any]) -> Response:
        user = self.needed_login(request).user
        shown = _shown(user)
        if self._recovery is not None:
            email = self._recovery.email_of(user)
            shown |= {"email": email.confirmed, "email_pending": email.pending}
        return success(user=shown)

    def _change_password(self, request: Request, sent: Mapping[str, Any]) -> Response:
        self.change_password(request, self.needed_login(request), sent)
        return success()

    def change_password(self, request: Request, login: Login, sent: Mapping[str, Any]) -> None:
        """Another password, as it was sent. Raises `AccountError`, its field the one that is at fault."""
        old, new, address = text_of(sent, "password"), text_of(sent, "new_password"), request.client.host
        try:
            if self._recovery is None:
                self._registrar.change_password(login, old, new, address=address)
            else:
                language = language_of(request.headers.get("accept-language"))
                self._recovery.change_password(login, old, new, address=address, language=language)
        except (WeakPassword, PasswordTooLong) as error:
            error.field = "new_password"
            raise

    def _sessions(self, request: Request, sent: Mapping[str, Any]) -> Response:
        login = self.needed_login(request)
        listed = [_listed(each, login) for each in self._registrar.sessions_of(login)]
        return success(sessions=listed)

    def _end_session(self, request: Request, sent: Mapping[str, Any]) -> Response:
        login = self.needed_login(request)
        if sent.get("others") in (True, "true", "1", "on"):
            return success(ended=self._registrar.end_other_sessions(login))
        return success(ended=int(self._registrar.end_session(login, text_of(sent, "id"))))

    def _register_by_get(self, request: Request) -> Response:
        """As the first programs did it. The target is what logs show, and has a password in it: that goes first."""
        query, request.target = request.query_string, request.raw_path
        if not self._settings.register_by_get:
            raise HTTPError(404)
        if request.method != "GET":
            raise HTTPError(405, headers={"Allow": "GET"})
        return self._answer_by_get(request, query)

    def _answer_by_get(self, request: Request, query: str) -> Response:
        encoded, status, retry_after = False, 200, None
        said: dict[str, Any] = {"code": 0, "msg": "ok"}
        try:
            fields = dict(parse_urlencoded(query.encode("ascii")))
            encoded = fields.get("encoded") == "1"
            self.register(request, _object(parse_json(fields.get("p", "").encode())))
        except RemoteProtocolError as refused:
            said, status = {"code": -1, "msg": str(refused), "error": Malformed.code}, refused.status or 400
        except AccountError as error:
            language = language_of(request.headers.get("accept-language"))
            said = {"code": -1, "msg": explained(error, language), "error": error.code}
            status, retry_after = self._status_of(error), error.retry_after
        text = json.dumps(said, ensure_ascii=False)
        media_type = "text/plain; charset=utf-8" if encoded else "application/json"
        response = private(Response(quote(text) if encoded else text, status, content_type=media_type))
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        return response

    def _status_of(self, error: AccountError) -> int:
        return 200 if error.code in _OF_CONTENT and not self._settings.strict_status else error.status


def sent_fields(request: Request) -> Mapping[str, Any]:
    """What a request's body says: a JSON object, or a form; nothing for none. Raises `Malformed` for one that is
    neither."""
    try:
        media_type = request.content_type
        if is_json_type(media_type):
            return _object(request.json)
        if media_type not in _FORMS and request.body:
            raise HTTPError(415, "The body must be application/json, or a form.")
        return dict(request.form.items())
    except HTTPError as error:
        raise Malformed(error.detail, error.status) from None


def text_of(sent: Mapping[str, Any], name: str, *, needed: bool = True) -> str:
    """One field as text. Raises `MissingField` for one that is absent, empty or something else."""
    value = sent.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        raise MissingField(name)
    return value


def _object(found: Any) -> Mapping[str, Any]:
    if not isinstance(found, dict):
        raise Malformed("the JSON is no object")
    return found


def success(**more: Any) -> Response:
    """The answer to what worked, with `more` in it."""
    return Response.json({"message": "success", "code": 0, **more})


def _shown(user: User) -> dict[str, Any]:
    return {"username": user.name, "nickname": user.nickname, "created": user.created}


def _listed(session: Session, login: Login) -> dict[str, Any]:
    return {
        "id": session.id,
        "created": session.created,
        "used": session.used,
        "expires": session.expires,
        "agent": session.agent,
        "address": session.address,
        "current": session.id == login.session.id,
    }

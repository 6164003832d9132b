"""`Accounts`: a Handler to mount, and what protects others by it.

    accounts = Accounts("sqlite:///accounts.db")
    app.mount("/accounts", accounts)

    @app.get("/mine")
    @accounts.login_required
    def mine(request):
        return f"Hello, {request.user.shown_name}"

The parts are made here and put together; what they do is theirs. The database is opened when it is first needed, or
by `open`, which is for whoever wants to know beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from salver.accounts.api import Interface
from salver.accounts.errors import AccountError
from salver.accounts.gate import Gate
from salver.accounts.letters import Letters
from salver.accounts.links import Links
from salver.accounts.mail import Mailer, Outbox
from salver.accounts.pages import Pages
from salver.accounts.passwords import Hashing
from salver.accounts.recovery import Parts, Recovery, base_of_links
from salver.accounts.recovery_api import RecoveryInterface
from salver.accounts.recovery_pages import RecoveryPages
from salver.accounts.registrar import Registrar
from salver.accounts.sessions import Sessions
from salver.accounts.settings import AccountSettings
from salver.accounts.store import Store, User
from salver.accounts.tries import Counter, MemoryCounter, RedisCounter, Tries
from salver.app import App
from salver.handler import HandlerOptions
from salver.middleware import cors
from salver.request import Request
from salver.response import HTTPError, Response


class Accounts:
    """A Handler: the interfaces for programs and the pages for people, below wherever it is mounted. Safe to use from
    several threads."""

    def __init__(
        self,
        database: str = "sqlite:///accounts.db",
        *,
        mailer: Mailer | None = None,
        tries: str | Counter | None = None,
        hashing: Hashing | None = None,
        at: str = "/accounts",
        **settings: Any,
    ) -> None:
        """`database`: see `Store`. `tries`: where failures are counted, None for this process alone, `redis://…` where
        several serve. `at`: where it is mounted, for those who are sent to the login from elsewhere. `settings`:
        members of `AccountSettings`.

        `mailer`: called with a `Message` for each letter, in threads that do nothing else, several at once; what it
        raises is logged, without the address and the text, and nobody is told. With one, accounts have addresses of
        mail and forgotten passwords are set anew by a link, for which `public_url` has to be set; None: neither.

        Opens nothing. Raises `StoreError` for a database that cannot be one, TypeError for a setting that is none,
        ValueError for one that cannot be.
        """
        self.settings = AccountSettings(**settings)
        self.at = at.rstrip("/")
        self._store = Store(database)
        self._hashing = hashing or Hashing()
        self._outbox = None if mailer is None else Outbox(mailer)
        counter = RedisCounter(tries) if isinstance(tries, str) else tries or MemoryCounter()
        sessions = Sessions(self._store, idle=self.settings.session_idle, absolute=self.settings.session_max)
        self.registrar = Registrar(self._store, self._hashing, sessions, Tries(counter))
        self.links = Links(self._store)
        self._recovery = recovery = self._make_recovery(sessions, Tries(counter))
        self._gate = Gate(sessions, self.settings.origins, plain=self.settings.dangerous_plain_http)
        self._interface = Interface(self.registrar, self._gate, self.settings, recovery)
        self._pages = Pages(self._interface, self.registrar, self._gate, self.settings, recovery)
        self._app = App()
        self._interface.add_to(self._app)
        self._pages.add_to(self._app)
        if recovery is not None:
            by_link = RecoveryInterface(recovery, self._interface)
            by_link.add_to(self._app)
            RecoveryPages(by_link, self._pages).add_to(self._app)
        if self.settings.origins:
            self._app.use(cors(origins=self.settings.origins, credentials=True, methods=("GET", "POST")))

    def _make_recovery(self, sessions: Sessions, tries: Tries) -> Recovery | None:
        if self._outbox is None:
            if self.settings.email_required:
                raise ValueError("email_required needs a mailer: an address counts when it is confirmed by a link")
            return None
        parts = Parts(self.registrar, self.links, self._hashing, sessions, tries)
        letters = Letters(self.settings.name, base_of_links(self.settings, self.at))
        return Recovery(parts, self._outbox, letters, email_required=self.settings.email_required)

    def open(self) -> None:
        """Connect to the database, bring its tables up to date, and make ready to hash. Raises `StoreError`."""
        self._store.open()
        self._hashing.warm()

    def close(self) -> None:
        """Send the letters that wait, for ten seconds at most, and close the connections to the database; the next use
        opens new ones."""
        if self._outbox is not None:
            self._outbox.close()
        self._store.close()

    def __call__(self, request: Request) -> Any:
        return self._app(request)

    def salver_options_for(self, request: Request) -> HandlerOptions:
        """How the route of a request wants to be run."""
        return self._app.salver_options_for(request)

    # For other handlers

    def user_of(self, request: Request) -> User | None:
        """Who is logged in, None for nobody; afterwards `request.user` says the same. Raises `HTTPError` 503 where the
        database cannot be asked."""
        try:
            return self._gate.user_of(request)
        except AccountError as error:
            raise HTTPError(error.status, headers={"Retry-After": str(error.retry_after or 1)}) from None

    def email_of(self, user: User) -> str:
        """The confirmed address of mail of an account, "" for none. Raises `HTTPError` 503 where the database cannot be
        asked."""
        try:
            return self.links.email_of(user.id, int(time.time())).confirmed
        except AccountError as error:
            raise HTTPError(error.status, headers={"Retry-After": str(error.retry_after or 1)}) from None

    def require(self, handler: Callable[..., Any]) -> Any:
        """`handler` for those who are logged in. Whoever else asks for a page gets the login, and afterwards the page;
        what is no browser gets 401."""
        return self._gate.require(handler, self._refused, self._failed)

    def login_required(self, view: Callable[..., Any]) -> Any:
        """`require` as a decorator of views."""
        return self.require(view)

    def _refused(self, request: Request) -> Response:
        return self._pages.sent_to_login(request, self.at)

    def _failed(self, request: Request, error: AccountError) -> Response:
        return self._pages.failed(request, error)

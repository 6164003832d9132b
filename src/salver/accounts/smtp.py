"""`SMTPMailer`: letters over SMTP (RFC 5321), by the standard library's client.

A password and what is in a letter go over TLS alone: from the first byte (`smtps://`, RFC 8314), or after STARTTLS
(`smtp://`, RFC 3207), without which nothing is sent; only to this computer it may be missing. The whole talk has one
bound in time, since a server that says a byte now and then would pass any bound on silence. One connection a letter:
they are few, and what is kept open breaks unseen.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.utils import formatdate, make_msgid, parseaddr
from typing import Any
from urllib.parse import unquote, urlsplit

from salver.accounts.addresses import ascii_domain, clean_email
from salver.accounts.errors import BadEmail
from salver.accounts.mail import Message
from salver.semantics.addresses import is_loopback_host

_PORTS = {"smtp": 587, "smtps": 465}
_SHAPE = "smtps://user@mail.example:465, or smtp://mail.example:587 for STARTTLS"


class SMTPMailer:
    """A mailer: call it with a `Message`. Safe to use from several threads."""

    def __init__(
        self,
        url: str,
        *,
        sender: str,
        password: str | None = None,
        timeout: float = 30.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`url`: `smtps://user:password@host:465`, or `smtp://…:587` with STARTTLS. `sender`: the address that letters
        come from, `no-reply@example.org` or `Example <no-reply@example.org>`. `password`: instead of the one in the
        URL. `timeout`: seconds for a whole letter. `context`: what TLS trusts, by default what the system does.

        Opens nothing. Raises ValueError for a URL or an address that cannot be one; the message has no password in it.
        """
        # What reads addresses takes the first of several, and unfolds lines.
        name, address = parseaddr(sender) if sender.isprintable() and sender.count("@") == 1 else ("", "")
        try:
            self._sender = _as_sent(clean_email(address))
            self._from = Address(name, addr_spec=self._sender)
        except (BadEmail, ValueError):
            raise ValueError(f"letters cannot come from {sender!r}; write no-reply@example.org") from None
        server = _server_of(url)
        if server is None:  # the URL is not repeated: there may be a password in it
            raise ValueError(f"this is no mail server; write {_SHAPE}")
        self._implicit_tls, self._host, self._port, self._user, found = server
        self._password = found if password is None else password
        self._timeout = timeout
        self._context = context

    def __repr__(self) -> str:
        return f"<SMTPMailer {self._host}:{self._port}>"

    def __call__(self, message: Message) -> None:
        """Send it. Raises `smtplib.SMTPException` where the server refuses it or has no TLS, OSError where it cannot be
        reached or takes too long."""
        letter = self._letter(message)
        with self._connected() as talk:
            if not self._implicit_tls:
                self._protect(talk)
            if self._user:
                talk.login(self._user, self._password)
            talk.send_message(letter)

    def _connected(self) -> smtplib.SMTP:
        # Its own name, by default, is looked up in DNS, for as long as that takes; no server needs it to be true.
        name = self._sender.rpartition("@")[2]
        if self._implicit_tls:
            return _TalkOverTLS(self._host, self._port, name, timeout=self._timeout, context=self._trusted())
        return _Talk(self._host, self._port, name, timeout=self._timeout)

    def _protect(self, talk: smtplib.SMTP) -> None:
        talk.ehlo()
        if talk.has_extn("starttls"):
            talk.starttls(context=self._trusted())
        elif not is_loopback_host(self._host):
            raise smtplib.SMTPNotSupportedError("the mail server has no STARTTLS, and nothing is sent without")

    def _trusted(self) -> ssl.SSLContext:
        return self._context or ssl.create_default_context()

    def _letter(self, message: Message) -> EmailMessage:
        to = _as_sent(message.to)
        # Lines of plain ASCII: not every server takes others. The client makes it UTF-8 where the address needs that.
        letter = EmailMessage(policy=SMTP_LINES.clone(cte_type="7bit"))
        letter["From"] = self._from
        letter["To"] = Address(addr_spec=to) if to.isascii() else to
        letter["Subject"] = message.subject
        letter["Date"] = formatdate(usegmt=True)
        letter["Message-ID"] = make_msgid(domain=self._sender.rpartition("@")[2])
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office notes, please
        letter.set_content(message.text)
        return letter


class _Bounded:
    """Ends the talk when its time is over: the client's own bound is on each silence, and there may be many."""

    timeout: Any
    sock: socket.socket | None
    _watch: threading.Timer

    def connect(self, *where: Any, **more: Any) -> tuple[int, bytes]:
        self._watch = threading.Timer(self.timeout, self._give_up)
        self._watch.daemon = True
        self._watch.start()
        try:
            return super().connect(*where, **more)  # type: ignore[misc,no-any-return]
        except BaseException:
            self.close()
            raise

    def _give_up(self) -> None:
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended by itself

    def close(self) -> None:
        self._watch.cancel()
        super().close()  # type: ignore[misc]


class _Talk(_Bounded, smtplib.SMTP):
    pass


class _TalkOverTLS(_Bounded, smtplib.SMTP_SSL):
    pass


def _server_of(url: str) -> tuple[bool, str, int, str, str] | None:
    """(TLS from the first byte, host, port, user, password), None for what is no URL of a mail server."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        return None
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return parts.scheme == "smtps", parts.hostname, port or _PORTS[parts.scheme], user, password


def _as_sent(address: str) -> str:
    """With the host's name as DNS has it: every mail server takes that."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"

"""How accounts are kept and shown: one frozen value, made from keywords."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """`registration`: everybody may make an account. `strict_status`: what is refused has a status of its own (401,
    409, 422, 400); by default it is 200 with `"code": -1`, as the tutorials' pages expect it. What has to do with the
    request, the load or the store (400, 403, 405, 429, 503) is a status in either case. `origins`: of pages elsewhere
    that may use the interface. `register_by_get`: `GET /register.do?p={…}` is there, with a password in a URL.
    `session_idle` and `session_max`: seconds. `name`: what the pages call this place. `dangerous_plain_http`: sessions
    also over http:// to other machines, where everybody on the way can read the password.

    With a mailer: `public_url`, the address of the site as people open it, to which `at` is added for the links in
    letters; https://, or http:// where `dangerous_plain_http` or this computer is meant. `email_required`: nobody
    registers without an address of mail, and nobody takes theirs away. It is not the default, since who has no address
    to give would be kept out, or make one up.
    """

    registration: bool = True
    strict_status: bool = False
    origins: Sequence[str] = ()
    register_by_get: bool = False
    session_idle: int = 14 * 86_400
    session_max: int = 90 * 86_400
    name: str = "Salver"
    dangerous_plain_http: bool = False
    public_url: str = ""
    email_required: bool = False

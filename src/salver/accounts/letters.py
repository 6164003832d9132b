"""What the letters say, in the languages of the pages.

A letter to an address that nobody has confirmed yet may reach a stranger: nothing that somebody else has typed is in
it, no name above all, or it would carry anybody's words to anybody. Links are made of a setting alone, never of what a
request says about the host. Nothing here sends.
"""

from __future__ import annotations

from salver.accounts.mail import Message
from salver.accounts.texts import CHINESE, ENGLISH

LETTERS = {
    ENGLISH: {
        "confirm_subject": "{place}: confirm your address",
        "confirm": (
            "This address was given for an account at {place}.\n\n"
            "If that was you, open this page within a day, and confirm it there:\n\n{link}\n\n"
            "If it was not, do nothing: the address is then forgotten.\n"
        ),
        "reset_subject": "{place}: set a new password",
        "reset": (
            "Somebody has asked for a new password for your account {name} at {place}.\n\n"
            "If that was you, open this page within an hour, and set it there:\n\n{link}\n\n"
            "If it was not, do nothing: your password stays as it is. Give this link to nobody.\n"
        ),
        "password_subject": "{place}: your password was changed",
        "password": (
            "The password of your account {name} at {place} was changed.\n\n"
            "If it was not you who did that, set another one at once:\n\n{link}\n"
        ),
        "address_subject": "{place}: your account has another address",
        "address": (
            "The account {name} at {place} does not have this address any more, and mail about it goes elsewhere.\n\n"
            "If it was not you who did that, tell whoever runs {place}: {link}\n"
        ),
    },
    CHINESE: {
        "confirm_subject": "{place}：确认您的邮箱地址",
        "confirm": (
            "有人在 {place} 的一个账户中填写了此邮箱地址。\n\n"
            "如果是您本人，请在一天内打开以下页面进行确认：\n\n{link}\n\n"
            "如果不是，请忽略此邮件：该地址不会被保留。\n"
        ),
        "reset_subject": "{place}：设置新密码",
        "reset": (
            "有人请求为您在 {place} 的账户 {name} 设置新密码。\n\n"
            "如果是您本人，请在一小时内打开以下页面进行设置：\n\n{link}\n\n"
            "如果不是，请忽略此邮件：您的密码不会改变。请勿将此链接告诉他人。\n"
        ),
        "password_subject": "{place}：您的密码已修改",
        "password": ("您在 {place} 的账户 {name} 的密码已修改。\n\n如果不是您本人所为，请立即重新设置：\n\n{link}\n"),
        "address_subject": "{place}：您的账户已更换邮箱地址",
        "address": (
            "{place} 的账户 {name} 不再使用此邮箱地址，相关邮件将不再发送到这里。\n\n"
            "如果不是您本人所为，请联系 {place} 的管理员：{link}\n"
        ),
    },
}


class Letters:
    """Of one place. Immutable, and so safe to use from several threads."""

    def __init__(self, place: str, base: str) -> None:
        """`place`: what it is called. `base`: the URL below which the pages of accounts are, without a slash at its
        end."""
        self._place = " ".join(place.split())  # one line, for subjects
        self._base = base

    def confirm(self, to: str, token: str, language: str) -> Message:
        """To an address that was given: the link that confirms it."""
        return self._letter("confirm", language, to, f"{self._base}/confirm?token={token}")

    def reset(self, to: str, name: str, token: str, language: str) -> Message:
        """To a confirmed address: the link by which the account `name` gets another password."""
        return self._letter("reset", language, to, f"{self._base}/reset?token={token}", name)

    def password_changed(self, to: str, name: str, language: str) -> Message:
        """To a confirmed address: the account's password is another one."""
        return self._letter("password", language, to, f"{self._base}/forgotten", name)

    def address_changed(self, to: str, name: str, language: str) -> Message:
        """To an address that was the account's, and is not any more."""
        return self._letter("address", language, to, self._base, name)

    def _letter(self, kind: str, language: str, to: str, link: str, name: str = "") -> Message:
        words = LETTERS[language]
        said = {"place": self._place, "name": name, "link": link}
        return Message(to, words[f"{kind}_subject"].format(**said), words[kind].format(**said))

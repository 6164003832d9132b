"""What a person reads, in their language. One table for each; a key that a language lacks is an error of its test."""

from __future__ import annotations

from salver.accounts.errors import AccountError
from salver.semantics.negotiation import best_language

ENGLISH, CHINESE = "en", "zh"

TEXTS = {
    ENGLISH: {
        "bad_name": "This cannot be a user name. Use letters and digits of one script.",
        "name_too_long": "A user name has at most {limit} characters.",
        "name_taken": "This user name is taken. Choose another one.",
        "bad_nickname": "This cannot be a nickname. Leave it empty, or use at most 64 plain characters.",
        "bad_email": "This cannot be an e-mail address.",
        "void_link": "This link holds no more: it was used, or is too old. Ask for another one.",
        "weak_password": "This password is easily guessed. Use several words, or something that only you know.",
        "password_too_short": "A password has at least {limit} characters.",
        "password_too_long": "A password has at most {limit} bytes.",
        "wrong_credentials": "User name or password is wrong.",
        "wrong_password": "This is not your current password.",
        "missing_field": "Please fill this in.",
        "malformed": "The request cannot be read: it is no JSON object and no form.",
        "too_many_tries": "Too many tries. Wait {retry_after} seconds, then try again.",
        "registration_closed": "Accounts are made by the administrator here.",
        "not_logged_in": "Please log in.",
        "foreign_origin": "This came from a page of another site, and was not carried out.",
        "busy": "Many people are logging in at the moment. Try again in {retry_after} seconds.",
        "store_unavailable": "Accounts cannot be reached at the moment. Try again in {retry_after} seconds.",
    },
    CHINESE: {
        "bad_name": "用户名无效。请使用同一种文字的字母和数字。",
        "name_too_long": "用户名最多 {limit} 个字符。",
        "name_taken": "该用户名已被使用，请换一个。",
        "bad_nickname": "昵称无效。可以留空，或使用最多 64 个普通字符。",
        "bad_email": "邮箱地址无效。",
        "void_link": "此链接已失效：它已被使用或已过期。请重新申请。",
        "weak_password": "密码太容易被猜到。请使用几个词，或只有您知道的内容。",
        "password_too_short": "密码至少 {limit} 个字符。",
        "password_too_long": "密码最多 {limit} 字节。",
        "wrong_credentials": "用户名或密码错误。",
        "wrong_password": "当前密码不正确。",
        "missing_field": "请填写此项。",
        "malformed": "无法读取请求：它既不是 JSON 对象，也不是表单。",
        "too_many_tries": "尝试次数过多，请在 {retry_after} 秒后重试。",
        "registration_closed": "此处的账户由管理员创建。",
        "not_logged_in": "请先登录。",
        "foreign_origin": "请求来自其他网站的页面，未被执行。",
        "busy": "当前登录人数较多，请在 {retry_after} 秒后重试。",
        "store_unavailable": "暂时无法访问账户，请在 {retry_after} 秒后重试。",
    },
}

# What the pages say beside errors.
WORDS = {
    ENGLISH: {
        "log_in": "Log in",
        "log_out": "Log out",
        "register": "Create an account",
        "account": "Your account",
        "username": "User name",
        "nickname": "Nickname",
        "optional": "optional",
        "password": "Password",
        "old_password": "Current password",
        "new_password": "New password",
        "password_hint": "At least 10 characters; several words are best.",
        "show": "Show",
        "hide": "Hide",
        "no_account": "No account yet?",
        "have_account": "You have an account?",
        "logged_in_as": "Logged in as",
        "change_password": "Change password",
        "password_changed": "The password is changed. Other devices are logged out.",
        "devices": "Where you are logged in",
        "this_device": "this one",
        "last_used": "last used",
        "end": "Log out there",
        "end_others": "Log out everywhere else",
        "cancel": "Cancel",
        "please_log_in": "Please log in.",
        "fill_in": "Please fill this in.",
        "unreachable": "The server cannot be reached. Try again.",
        "plain_http": "This connection is not encrypted. Log in over https://, or nothing of it is kept.",
        "unknown_device": "unknown program",
        "email": "E-mail address",
        "email_hint": "For a forgotten password. Leave it empty to have none.",
        "email_needed": "For a forgotten password.",
        "email_is": "Confirmed:",
        "email_pending": "Not confirmed yet; a link was sent to",
        "email_saved": "Saved. A new address counts once its link was opened and confirmed.",
        "save": "Save",
        "forgotten": "Forgotten password",
        "forgotten_link": "Forgot your password?",
        "account_asked": "User name or e-mail address",
        "forgotten_sent": "If there is such an account with a confirmed address, a link is on its way to it.",
        "send_link": "Send a link",
        "set_password": "Set a new password",
        "password_set": "The password is changed. Log in with it.",
        "confirm": "Confirm your address",
        "confirm_question": "The address below is to be that of the account",
        "confirmed": "The address is confirmed.",
    },
    CHINESE: {
        "log_in": "登录",
        "log_out": "退出登录",
        "register": "注册账户",
        "account": "您的账户",
        "username": "用户名",
        "nickname": "昵称",
        "optional": "选填",
        "password": "密码",
        "old_password": "当前密码",
        "new_password": "新密码",
        "password_hint": "至少 10 个字符；最好由几个词组成。",
        "show": "显示",
        "hide": "隐藏",
        "no_account": "还没有账户？",
        "have_account": "已有账户？",
        "logged_in_as": "当前用户",
        "change_password": "修改密码",
        "password_changed": "密码已修改，其他设备已退出登录。",
        "devices": "已登录的设备",
        "this_device": "本设备",
        "last_used": "上次使用",
        "end": "在该设备上退出",
        "end_others": "在其他所有设备上退出",
        "cancel": "取消",
        "please_log_in": "请先登录。",
        "fill_in": "请填写此项。",
        "unreachable": "无法连接服务器，请重试。",
        "plain_http": "此连接未加密。请通过 https:// 登录，否则登录状态无法保留。",
        "unknown_device": "未知程序",
        "email": "邮箱地址",
        "email_hint": "用于找回密码。留空则不使用邮箱。",
        "email_needed": "用于找回密码。",
        "email_is": "已确认：",
        "email_pending": "尚未确认，链接已发送至",
        "email_saved": "已保存。新地址在打开链接并确认后生效。",
        "save": "保存",
        "forgotten": "忘记密码",
        "forgotten_link": "忘记密码？",
        "account_asked": "用户名或邮箱地址",
        "forgotten_sent": "如果存在这样的账户且其邮箱已确认，链接正在发送中。",
        "send_link": "发送链接",
        "set_password": "设置新密码",
        "password_set": "密码已修改，请用新密码登录。",
        "confirm": "确认邮箱地址",
        "confirm_question": "以下地址将用于账户：",
        "confirmed": "邮箱地址已确认。",
    },
}

_WITH_LIMIT = {"bad_name": "name_too_long", "weak_password": "password_too_short"}


def language_of(accept_language: str | None) -> str:
    """The one of our languages that an Accept-Language field likes best, English for none."""
    return best_language(accept_language, tuple(TEXTS)) or ENGLISH


def words_of(language: str) -> dict[str, str]:
    """The pages' words in a language."""
    return WORDS[language]


def explained(error: AccountError, language: str) -> str:
    """What went wrong and what to do, for a person."""
    key = _WITH_LIMIT.get(error.code, error.code) if error.limit is not None else error.code
    texts = TEXTS[language]
    text = texts.get(key) or texts.get(error.code) or error.detail or error.code
    return text.format(limit=error.limit, retry_after=error.retry_after or 1)

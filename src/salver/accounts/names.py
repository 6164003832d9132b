"""Names of accounts: what one may be, and when two are the same.

Two names are the same where a person might take one for the other: other case, compatibility forms (ﬁ, Ａ), characters
without width, blanks around them. The *key* of a name has all that taken away, and is what is unique; the name itself
is kept as it was given. Letters of scripts that look alike (Latin and Cyrillic a) may not be mixed in one name.
"""

from __future__ import annotations

import unicodedata

from salver.accounts.errors import BadName, BadNickname

NAME_MAX = 64  # characters
NICKNAME_MAX = 64

# Categories that a name cannot have: controls, surrogates, private use, unassigned, separators of lines.
_NEVER = frozenset(("Cc", "Cs", "Co", "Cn", "Zl", "Zp"))
# Without width, or changing the direction of what stands beside: nobody sees them.
_UNSEEN = frozenset("\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u3164\uffa0\ufeff") | {
    chr(code) for span in ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F)) for code in range(span[0], span[1] + 1)
}
_SCRIPTS = ("LATIN", "GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE")  # those whose letters look alike


def clean_name(name: str) -> str:
    """A name as it is kept: NFC, without unseen characters and the blanks around it. Raises `BadName`."""
    cleaned = _seen(name)
    if not cleaned:
        raise BadName("a name has at least one character that can be seen")
    if len(cleaned) > NAME_MAX or len(name) > 4 * NAME_MAX:
        raise BadName(f"a name has at most {NAME_MAX} characters", limit=NAME_MAX)
    if any(unicodedata.category(character) in _NEVER for character in cleaned):
        raise BadName("a name has no control characters")
    if not any(character.isalnum() for character in cleaned):
        raise BadName("a name has at least one letter or digit")
    if len(_scripts(cleaned)) > 1:
        raise BadName("a name does not mix scripts whose letters look alike")
    return cleaned


def name_key(name: str) -> str:
    """What is the same for every name that could be taken for `name`. Idempotent; any text has one."""
    key = name
    while True:  # folding may give what folds again
        folded = " ".join(_seen(unicodedata.normalize("NFKC", key).casefold()).split())
        folded = unicodedata.normalize("NFKC", folded)
        if folded == key:
            return key
        key = folded


def clean_nickname(nickname: str) -> str:
    """A nickname as it is shown; "" is none. Raises `BadNickname`."""
    cleaned = _seen(nickname)
    if len(cleaned) > NICKNAME_MAX or len(nickname) > 4 * NICKNAME_MAX:
        raise BadNickname(f"a nickname has at most {NICKNAME_MAX} characters", limit=NICKNAME_MAX)
    if any(unicodedata.category(character) in _NEVER for character in cleaned):
        raise BadNickname("a nickname has no control characters")
    return cleaned


def _seen(text: str) -> str:
    normal = unicodedata.normalize("NFC", "".join(character for character in text if character not in _UNSEEN))
    return normal.strip()


def _scripts(name: str) -> set[str]:
    letters = (
        unicodedata.name(character, "") for character in unicodedata.normalize("NFKC", name) if character.isalpha()
    )
    return {each for letter in letters for each in _SCRIPTS if letter.startswith(each + " ")}

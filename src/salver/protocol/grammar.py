"""The ABNF of RFC 9110 and 9112 as bytes patterns, each with its clause.

Every pattern is written to be used with `fullmatch` (`$` would let a newline through) and to run in linear time: a
run of one class is possessive (`*+`, `++`) wherever nothing could be gained by giving a byte back. Groups are not:
CPython 3.11.0 to 3.11.4 match possessive groups wrongly (gh-106052), and no group here needs it.
Numbers are matched here, in full and on bytes, before `int()` ever sees them: `int()` takes signs, blanks,
underscores and the digits of every script. This file knows patterns only; what a mismatch means is decided by those
who use them.
"""

from __future__ import annotations

import re

# RFC 9110 §5.6.2: tchar
TCHAR = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
# RFC 9110 §5.5: field-vchar is VCHAR or obs-text; SP and HTAB inside; CR, LF, NUL and the other controls never.
FIELD_CHAR = rb"\t\x20-\x7e\x80-\xff"

# RFC 9110 §5.6.2: token = 1*tchar
TOKEN = re.compile(rb"[%b]+" % TCHAR)

# RFC 9112 §3: request-line = method SP request-target SP HTTP-version. Single spaces, no other white space.
# The target is any VCHAR but "#": browsers send `|`, `{`, `^` and a bare `%` in queries, which RFC 3986 does not
# allow, and no reading of the target here depends on them. A fragment is never sent (RFC 9112 §3.2).
_TARGET_CHAR = rb"\x21\x22\x24-\x7e"
REQUEST_LINE = re.compile(rb"([%b]++) ([%b]++) HTTP/([0-9])\.([0-9])" % (TCHAR, _TARGET_CHAR))
# The same up to the version, for origin-form alone: what stands before a section that is known already. CONNECT has
# no origin-form (§3.2.3).
ORIGIN_LINE_START = re.compile(rb"(?!CONNECT )([%b]++) (/[%b]*+)" % (TCHAR, _TARGET_CHAR))
# How a request line begins that is only too long; anything else of its length was never one. Used with `match`.
REQUEST_LINE_START = re.compile(rb"[%b]++ [%b]" % (TCHAR, _TARGET_CHAR))

# RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ]; the SP before an absent reason is
# left out by enough servers that a client must take it.
STATUS_LINE = re.compile(rb"HTTP/([0-9])\.([0-9]) ([1-9][0-9]{2})(?: ([%b]*+))?" % FIELD_CHAR)

# RFC 9112 §5: field-line = field-name ":" OWS field-value OWS. No space before the colon (§5.1), no folding (§5.2).
# The blanks around the value are taken off by the caller, with strip(b" \t"): a pattern that did both would backtrack.
FIELD_LINE = re.compile(rb"([%b]++):([%b]*+)" % (TCHAR, FIELD_CHAR))
# *( field-line CRLF ): a whole section but its empty line, in one go.
FIELD_LINES = re.compile(rb"(?:[%b]++:[%b]*+\r\n)*" % (TCHAR, FIELD_CHAR))

# A field value as we write it (RFC 9110 §5.5): no blank at either end.
FIELD_VALUE = re.compile(rb"(?:[\x21-\x7e\x80-\xff](?:[%b]*[\x21-\x7e\x80-\xff])?)?" % FIELD_CHAR)

# RFC 9112 §4: reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )
REASON = re.compile(rb"[%b]*" % FIELD_CHAR)

# RFC 9110 §8.6: Content-Length = 1*DIGIT; 19 digits hold every length below 2**63, and some above.
CONTENT_LENGTH = re.compile(rb"[0-9]{1,19}")
MAX_LENGTH = 2**63 - 1  # the longest body that sockets and files could count; longer is an overflow, not a length

# RFC 9110 §5.6.4: quoted-string
_QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_TOKEN_OR_QUOTED = rb"(?:[%b]++|%b)" % (TCHAR, _QUOTED)

# RFC 9112 §7: transfer-coding = token *( OWS ";" OWS token BWS "=" BWS ( token / quoted-string ) )
TRANSFER_CODING = re.compile(rb"([%b]++)(?:[ \t]*+;[ \t]*+[%b]++[ \t]*+=[ \t]*+%b)*" % (TCHAR, TCHAR, _TOKEN_OR_QUOTED))
# RFC 9112 §6.1: Transfer-Encoding = #transfer-coding, without the empty elements that a list may have (RFC 9110
# §5.6.1): what hides in a framing field is refused.
TRANSFER_CODINGS = re.compile(rb"%b(?:[ \t]*+,[ \t]*+%b)*" % (TRANSFER_CODING.pattern, TRANSFER_CODING.pattern))

# RFC 9110 §7.2: Host = uri-host [ ":" port ]; RFC 3986 §3.2.2 for uri-host, less the comma: it is how two Host
# fields look after an intermediary has joined them.
_REG_NAME = rb"(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})*"
_IP_LITERAL = rb"\[[0-9A-Fa-f:.]{2,45}\]|\[[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+;=:]+\]"
HOST = re.compile(rb"(?:%b|%b)(?::[0-9]*)?" % (_IP_LITERAL, _REG_NAME))

# RFC 9112 §3.2.2: absolute-form; §3.2.3: authority-form = uri-host ":" port. A server must have a host in both.
ABSOLUTE_FORM = re.compile(rb"[hH][tT][tT][pP][sS]?://([^/?#]+)([/?][\x21-\x7e]*)?")
AUTHORITY_FORM = re.compile(rb"((?:%b)|[A-Za-z0-9\-._~!$&'()*+;=%%]+):([0-9]{1,5})" % _IP_LITERAL)

# RFC 9112 §7.1: chunk-size = 1*HEXDIG; 16 digits are 64 bits. §7.1.1: chunk-ext, where BWS may stand around ";"
# and "=". Blanks that no extension follows are not in the grammar.
_EXTENSION = rb"[ \t]*+;[ \t]*+[%b]++(?:[ \t]*+=[ \t]*+%b)?" % (TCHAR, _TOKEN_OR_QUOTED)
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16}+)((?:%b)*)" % _EXTENSION)

# What can stand in no head, whatever follows: a CR or LF without its other half, NUL and the other controls.
NEVER_IN_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r[^\n]|(?<!\r)\n")

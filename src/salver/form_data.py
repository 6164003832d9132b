"""The forms of a request's body, read into text fields and files.

Urlencoded forms are read by ours.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salver.content import Fields, content_type_of, refusal, whole_body
from salver.protocol.errors import RemoteProtocolError
from salver.semantics.forms import MAX_PAIRS, parse_urlencoded

if TYPE_CHECKING:
    from salver.request import Request


class Upload:
    """A file of a form."""


@dataclass(frozen=True, slots=True)
class FormLimits:
    """What a form may have. Immutable."""

    parts: int = MAX_PAIRS  # pairs or parts, fields and files together; past it 413


def form_of(
    request: Request, folder: str | os.PathLike[str] | None, limits: FormLimits | None
) -> tuple[Fields[str], Fields[Upload]]:
    """See `Request.read_form`."""
    limits = limits or FormLimits()
    media_type = content_type_of(request)[0]
    if media_type != "application/x-www-form-urlencoded":
        return Fields(), Fields()
    try:
        return Fields(parse_urlencoded(whole_body(request), limits.parts)), Fields()
    except RemoteProtocolError as error:
        raise refusal(error) from None

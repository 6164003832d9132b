"""What a client would rather have: Accept, Accept-Encoding and Accept-Language with their weights (RFC 9110 §12.4.2,
§12.5), and how an answer says that it was asked (Vary).

A member that is malformed is left out, the others count, up to a hundred of them. Time is linear in the field's
length: quoted strings are taken out first, by a pattern that never goes back, and then commas and semicolons mean
what they say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# RFC 9110 §5.6.4; one that is not closed takes the rest with it.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_MEDIA_RANGE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+/[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_LANGUAGE_RANGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*")  # RFC 4647 §2.1
_WEIGHT = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")  # §12.4.2: qvalue

# Members of a field that count, and parameters of a member; browsers send about ten.
_MOST = 100


def _weighted(value: str, member: re.Pattern[str]) -> dict[str, float]:
    """name (lowered) -> weight; of a name that comes twice, the first."""
    weights: dict[str, float] = {}
    text = _QUOTED.sub('""', value) if '"' in value else value
    for part in text.split(",", _MOST)[:_MOST]:
        name, *parameters = [piece.strip(" \t") for piece in part.split(";", _MOST)[:_MOST]]
        weight = _weight(parameters)
        if weight is not None and member.fullmatch(name):
            weights.setdefault(name.lower(), weight)
    return weights


def _weight(parameters: list[str]) -> float | None:
    for parameter in parameters:
        if parameter[:2] in ("q=", "Q="):
            matched = _WEIGHT.fullmatch(parameter)
            return None if matched is None else float(matched[1])
    return 1.0


def best_type(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offered media type ("text/html", no parameters) that an Accept field likes best, the first of several;
    None where it takes none of them. No field takes everything. Parameters of a media range are not compared."""
    if accept is None:
        return offers[0]
    weights = _weighted(accept, _MEDIA_RANGE)
    best, best_weight = None, 0.0
    for offer in offers:
        weight = _type_weight(weights, offer)
        if weight > best_weight:
            best, best_weight = offer, weight
    return best


def _type_weight(weights: dict[str, float], offer: str) -> float:
    for candidate in (offer, offer.partition("/")[0] + "/*", "*/*"):  # §12.5.1: the most specific range counts
        if candidate in weights:
            return weights[candidate]
    return 0.0


def best_language(accept_language: str | None, offers: Sequence[str]) -> str | None:
    """The offered language ("en", no subtags) that an Accept-Language field likes best, the first of several; None
    where it takes none of them, or says nothing. A range with subtags counts for its language: who reads "en-GB" reads
    "en". RFC 9110 §12.5.4."""
    weights: dict[str, float] = {}
    for name, weight in _weighted(accept_language or "", _LANGUAGE_RANGE).items():
        weights.setdefault(name.partition("-")[0], weight)
    anything = weights.get("*", 0.0)
    best = max(offers, key=lambda offer: weights.get(offer, anything))
    return best if weights.get(best, anything) > 0 else None


def acceptable_codings(accept_encoding: str | None, offers: Sequence[str]) -> tuple[str, ...]:
    """The offered content codings that an Accept-Encoding field takes, the best liked first, in the order of
    `offers` where it likes them equally. RFC 9110 §12.5.3.

    Empty means identity: no field, none of the offers, or the client likes identity better (it names it with a
    higher weight). Where even identity is refused, the empty answer stands all the same: §12.1 lets a server
    disregard the field, and content that is not encoded is what every client can read.
    """
    if not accept_encoding:
        return ()
    weights = _weighted(accept_encoding, _TOKEN)
    if "x-gzip" in weights:
        weights.setdefault("gzip", weights["x-gzip"])  # §8.4.1.3
    identity = weights.get("identity", 0.0)
    liked = [(weights.get(offer, weights.get("*", 0.0)), offer) for offer in offers]
    taken = [(-weight, place) for place, (weight, _) in enumerate(liked) if weight > 0 and weight >= identity]
    return tuple(offers[place] for _, place in sorted(taken))


def with_vary(vary: str | None, *names: str) -> str:
    """The value of a Vary field (None where there is none) with `names` in it, each once; "*" says all of it already.
    RFC 9110 §12.5.5."""
    present = [name.strip(" \t") for name in (vary or "").split(",")]
    known = {name.lower() for name in present}
    if "*" in known:
        return "*"
    added = [name for name in names if name.lower() not in known]
    return ", ".join([name for name in present if name] + added)

"""How much of a message head this side reads before it gives up, in bytes and counts.

Each limit is a default of the design and an argument everywhere; the parser takes the value, knows no default of
its own, and raises `RemoteProtocolError` with the status named here. What nginx does by default is given beside.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, all inclusive: a message exactly at its limit passes. Immutable, so shared by threads."""

    request_line: int = 8_192  # past it 414; nginx: 8k
    header_section: int = 32_768  # all field lines with their CRLFs; past it 431; nginx: 4 buffers of 8k
    fields: int = 100  # field lines; past it 431; nginx: none until 1.29, then 100
    chunk_overhead: int = 4_096  # chunk extensions and trailers of one body together; past it 400

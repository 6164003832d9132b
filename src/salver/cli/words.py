"""What the help says of limits and time-outs, by the names of `Settings.of`: what each counts, what lies past it."""

from __future__ import annotations

WORDS = {
    "limit_request_line": "bytes of a request line; past it 414",
    "limit_header_section": "bytes of all header fields; past it 431",
    "limit_fields": "header fields; past it 431",
    "limit_chunk_overhead": "bytes of chunk extensions and trailers; past it 400",
    "limit_body": "bytes of a request body; past it 413",
    "limit_body_in_memory": "bytes of a body before it goes to a temporary file",
    "limit_read_ahead": "bytes taken from a socket at once",
    "limit_pipelined": "requests of a connection answered in a row",
    "limit_drain": "bytes of an unread body dropped to keep a connection",
    "limit_connections": "connections; past it accepting pauses",
    "limit_per_address": "connections of an address, 0 for any number; past it 503",
    "limit_threads": "threads that may block",
    "limit_queue": "requests that wait for a thread; past it 503",
    "limit_backlog": "connections that wait in the kernel",
    "timeout_head": "for a request's head; past it 408",
    "timeout_handshake": "for a TLS handshake; past it the connection is closed",
    "timeout_idle": "between two requests of a connection",
    "timeout_body": "before a body must keep its rate",
    "timeout_body_rate": "bytes a second that a body must keep; slower is 408",
    "timeout_stalled": "that a client may accept nothing; past it the connection is reset",
    "timeout_linger": "that what a client still sends is dropped after the last response",
    "timeout_stop": "for what is in flight when the server stops",
    "timeout_last_request": "of these, that idle connections stay for one more request",
}


def describe(name: str, default: float) -> str:
    """The help of an option, with its default as one would type it."""
    words = WORDS.get(name, "")
    return f"{words} ({_short(default, words.startswith('bytes'))})".strip()


def _short(value: float, is_bytes: bool) -> str:
    for unit, size in (("M", 1024 * 1024), ("K", 1024)):
        if is_bytes and value and value % size == 0:
            return f"{value // size:g}{unit}"
    return f"{value:g}"

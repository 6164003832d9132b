"""HTTP/1.1 as a value machine: bytes in, events out; heads and bodies in, bytes out. Both roles.

Nothing in this package opens a socket, reads a clock, starts a thread or logs. It raises; only a service answers.
"""

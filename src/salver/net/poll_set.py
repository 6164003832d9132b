"""Members by descriptor, and the poll set that goes with them: changed together, under one lock.

A member is in the poll set if it is not detached and waits for something. Descriptor numbers are reused the moment that
they are closed, by any thread; so everything here asks first whether the number still belongs to the member meant, and
asks and acts under the lock. Only finding a member by its descriptor, as the leader does for every event, takes none.
"""

from __future__ import annotations

import logging
import threading

from salver.net.poller import Poller
from salver.net.terms import Member

__all__ = ["PollSet"]

logger = logging.getLogger(__name__)


class PollSet:
    """What the crew's members are, and which of them are polled. Thread-safe."""

    def __init__(self, poller: Poller, lock: threading.RLock) -> None:
        """`lock` is the crew's, so that taking a leader's token and detaching its member are one step."""
        self.members: dict[int, Member] = {}
        self._poller = poller
        self._lock = lock
        self._exclusive: set[int] = set()

    def holds(self, member: Member) -> bool:
        """True if it was added, and not removed."""
        return self.members.get(member.fd) is member

    def add(self, member: Member, exclusive: bool) -> None:
        """Raises OSError if it cannot be watched; then it was not added."""
        with self._lock:
            fd = member.fd
            member.detached = False
            if member.interest:
                self._poller.add(fd, member.interest, exclusive)
            if exclusive:
                self._exclusive.add(fd)
            self.members[fd] = member

    def remove(self, member: Member) -> None:
        """Forget it. Idempotent."""
        with self._lock:
            fd = member.fd
            if self.members.get(fd) is not member:
                return
            del self.members[fd]
            if member.interest and not member.detached:
                self._unwatch(fd)
            self._exclusive.discard(fd)

    def set_interest(self, member: Member, mask: int) -> None:
        """Note it; act on it if the member is polled, or now has to be."""
        with self._lock:
            before, member.interest = member.interest, mask
            if before == mask or member.detached or not self.holds(member):
                return
            if not mask:
                self._unwatch(member.fd)
            elif not before:
                self._watch(member)
            else:
                self._change(member.fd, mask)

    def watch(self, member: Member, mask: int) -> None:
        """As `set_interest`, of a member without any. Raises OSError if it cannot be watched; it has none then."""
        with self._lock:
            if not member.detached and self.holds(member):
                self._poller.add(member.fd, mask)
            member.interest = mask

    def detach(self, member: Member) -> None:
        """Out of the poll set, until `restore`."""
        with self._lock:
            if not member.detached and member.interest and self.holds(member):
                self._unwatch(member.fd)
            member.detached = True

    def restore(self, member: Member) -> None:
        """Into the poll set again, unless it has been removed."""
        with self._lock:
            member.detached = False
            if member.interest and self.holds(member):
                self._watch(member)

    def forget_stray(self, fd: int) -> None:
        """An event of nobody: of a descriptor closed in the same batch, or, if it was closed without being removed
        while a copy of it lives on (in a child process), one that would come again for ever."""
        with self._lock:
            if fd not in self.members:
                self._unwatch(fd)

    def _watch(self, member: Member) -> None:
        fd = member.fd
        try:
            self._poller.add(fd, member.interest, fd in self._exclusive)
        except FileExistsError:
            self._change(fd, member.interest)
        except OSError as error:  # closed without being removed, or the poller is closed: its deadline is left to it
            logger.debug("descriptor %d cannot be watched any more: %s", fd, error)

    def _change(self, fd: int, mask: int) -> None:
        try:
            self._poller.modify(fd, mask)
        except OSError as error:
            logger.debug("descriptor %d is not watched any more: %s", fd, error)

    def _unwatch(self, fd: int) -> None:
        try:
            self._poller.remove(fd)
        except OSError as error:
            logger.debug("descriptor %d was not watched any more: %s", fd, error)

"""How scripts are run, and how far they may go: one frozen value, checked when it is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# What a program needs of the server's own environment to find its helpers, speak the right language and know the
# time. Nothing else goes in: the rest of it (keys, passwords, LD_PRELOAD) is the server's.
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUFFIX = re.compile(r"\.[A-Za-z0-9_+-]+")


@dataclass(frozen=True, slots=True)
class CGISettings:
    """Time in seconds, sizes in bytes; None is no limit.

    `timeout`: that a script may be silent, before its head and within its body. `total_time`: that it may take in all.
    `grace`: between SIGTERM and SIGKILL. `memory` (RLIMIT_DATA), `cpu_seconds` (RLIMIT_CPU), `file_size` (RLIMIT_FSIZE)
    hold for each process of a script; `processes` (RLIMIT_NPROC) counts all of this system user's, and not root's.
    They are Linux's to enforce; elsewhere only times hold. `max_running`: scripts at once; whoever comes then waits
    for `max_wait` and is refused (503). `max_body`: of a request. `max_head`: of what a script says before its body.
    `max_stderr`: of a script's complaints that go to the log; the rest is read and dropped.

    `interpreters`: by suffix, the command that runs what has no run bit, its path put behind it: `{".php":
    ["/usr/bin/php-cgi"]}`. Python scripts have theirs. `environment`: variables that every script gets; `inherit`:
    those that it gets from the server's environment. `pass_authorization`: give scripts the Authorization field, with
    the user's password in it (RFC 3875 §4.1.18 advises against it). `follow_symlinks`: links may be run and may lead
    out of the folder. `document_root`: the folder that PATH_TRANSLATED is under; None is the scripts' own.
    """

    timeout: float = 30.0
    total_time: float = 3_600.0
    grace: float = 2.0
    memory: int | None = 1024**3
    cpu_seconds: int | None = 300
    processes: int | None = None
    file_size: int | None = None
    max_running: int = 64
    max_wait: float = 5.0
    max_body: int = 1024**3
    max_head: int = 32_768
    max_stderr: int = 65_536
    interpreters: Mapping[str, Sequence[str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    inherit: tuple[str, ...] = INHERITED
    pass_authorization: bool = False
    follow_symlinks: bool = False
    document_root: str | None = None
    server_software: str = "Salver"

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be meant."""
        for name in ("timeout", "total_time", "max_running", "max_head"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is more than 0, not {getattr(self, name)}")
        for name in ("grace", "max_wait", "max_body", "max_stderr", "memory", "cpu_seconds", "processes", "file_size"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise ValueError(f"{name} is not negative, not {value}")
        self._check_environment()
        for suffix, command in self.interpreters.items():
            if not _SUFFIX.fullmatch(suffix) or isinstance(command, str) or not command:
                raise ValueError(f"an interpreter is a suffix and a list, like '.php': ['php-cgi'], not {suffix!r}")

    def _check_environment(self) -> None:
        for name, value in self.environment.items():
            if not _VARIABLE.fullmatch(name) or "\0" in value:
                raise ValueError(f"{name!r} cannot be a variable of the environment")

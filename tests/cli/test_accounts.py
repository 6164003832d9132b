"""`salver accounts`, and a folder for those who are logged in."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.commands import SALVER, SECONDS, Running, environment, refused, salver

pytest.importorskip("sqlalchemy", reason='accounts need the extra "accounts"')
pytest.importorskip("argon2", reason='accounts need the extra "accounts"')

PASSWORD = "difference engine"
SERVED = (
    "the accounts' database accounts.db lies in the folder that is served; put it elsewhere"
    " (sqlite:////var/lib/salver/accounts.db), or give it a name that begins with a dot"
)


def manage(folder: Path, *arguments: str, stdin: str = "", **env: str) -> tuple[int, str, str]:
    """(exit status, standard output, standard error)."""
    done = subprocess.run(
        [*SALVER, "accounts", *arguments],
        cwd=folder,
        env=environment(**env),
        input=stdin,
        text=True,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def add(folder: Path, name: str = "ada", password: str = PASSWORD) -> None:
    assert manage(folder, "add", name, stdin=password + "\n") == (0, "", "")


@pytest.fixture(scope="module")
def with_ada(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that has one account, for those who change nothing."""
    folder = tmp_path_factory.mktemp("accounts")
    add(folder)
    return folder


class TestManaging:
    def test_an_account_is_added_listed_disabled_and_enabled(self, tmp_path: Path) -> None:
        add(tmp_path)
        assert manage(tmp_path, "add", "bob", "--nickname", "Bob B", stdin="analytic machine")[0] == 0
        assert manage(tmp_path, "disable", "BOB") == (0, "", "")
        rows = [line.split("\t") for line in manage(tmp_path, "list")[1].splitlines()]
        assert [(row[0], row[1], row[3]) for row in rows] == [("ada", "", "enabled"), ("bob", "Bob B", "disabled")]
        assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", row[2]) for row in rows)
        assert manage(tmp_path, "enable", "bob") == (0, "", "")
        assert "disabled" not in manage(tmp_path, "list")[1]

    def test_an_address_is_set_listed_and_removed(self, tmp_path: Path) -> None:
        assert manage(tmp_path, "add", "ada", "--email", "ada@example.org", stdin=PASSWORD) == (0, "", "")
        assert manage(tmp_path, "add", "bob", stdin=PASSWORD)[0] == 0
        assert manage(tmp_path, "email", "BOB", "--email", "Bob@Example.org") == (0, "", "")
        rows = [line.split("\t")[3:] for line in manage(tmp_path, "list")[1].splitlines()]
        assert rows == [["enabled", "ada@example.org", "confirmed"], ["enabled", "Bob@Example.org", "confirmed"]]
        assert manage(tmp_path, "email", "bob", "--email", "") == (0, "", "")
        assert manage(tmp_path, "list")[1].splitlines()[1].endswith("\tenabled")

    def test_an_address_that_waits_is_listed_as_unconfirmed(self, tmp_path: Path) -> None:
        from salver.accounts import Accounts

        with contextlib.closing(Accounts(f"sqlite:///{tmp_path}/accounts.db")) as accounts:
            user = accounts.registrar.register("ada", PASSWORD)
            ((_, encoded),) = [accounts.registrar._store.user_by_id(user.id) or (None, "")]
            accounts.links.add_confirmation(user.id, encoded, "a@example.org", "a@example.org", int(time.time()))
        assert manage(tmp_path, "list")[1].endswith("\tenabled\ta@example.org\tunconfirmed\n")

    @pytest.mark.parametrize(
        ("arguments", "stdin", "said"),
        [
            (
                ["add", "bob", "--email", "bob"],
                PASSWORD,
                "an address is name@host, without quotes, brackets and blanks",
            ),
            (["email", "ada", "--email", "a@b@c"], "", "an address is name@host, without quotes, brackets and blanks"),
            (["email", "nobody", "--email", "a@b"], "", "there is no account nobody"),
            (["add", "Ada"], PASSWORD, "the name Ada is taken"),
            (["add", "bob"], "short", "a password has at least 10 characters"),
            (["add", "bob"], "password123", "this password is among the first that are tried"),
            (["add", "bob"], "", "no password was given; nothing was changed"),
            (["add", "bob"], "\n" + PASSWORD, "no password was given; nothing was changed"),
            (["add", "b\tb"], PASSWORD, "a name has no control characters"),
            (["passwd", "nobody"], PASSWORD, "there is no account nobody"),
            (["passwd", "ada"], "12345678901", "this password repeats itself, or is a run of keys"),
            (["disable", "no\nbody"], "", "there is no account no\\nbody"),
            (["enable", "nobody"], "", "there is no account nobody"),
        ],
    )
    def test_what_an_account_refuses_is_one_line_and_status_1(
        self, with_ada: Path, arguments: list[str], stdin: str, said: str
    ) -> None:
        assert manage(with_ada, *arguments, stdin=stdin) == (1, "", f"salver: {said}\n")

    def test_what_was_refused_has_changed_nothing(self, with_ada: Path) -> None:
        rows = manage(with_ada, "list")[1].splitlines()
        assert [row.split("\t")[0] for row in rows] == ["ada"]
        assert rows[0].endswith("\tenabled")

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "the following arguments are required: ACTION; see salver accounts --help"),
            (["add"], "which account? salver accounts add NAME"),
            (["list", "ada"], "which account? salver accounts list takes no name"),
            (["list"], "there is no database accounts.db; give another one with --database"),
            (["list", "--database", "sqlite:///a/b.db"],
             "there is no database a/b.db; give another one with --database"),
            (["add", "ada", PASSWORD], f"unrecognized arguments: {PASSWORD}; see salver accounts --help"),
            (["add", "ada", "--password", PASSWORD], None),
            (["email", "ada"], 'which address? salver accounts email NAME --email ADDRESS ("" for none)'),
            (["passwd", "ada", "--email", "a@b"],
             "--email is for salver accounts add, and salver accounts email; leave it out"),
            (["passwd", "ada", "--nickname", "x"], "--nickname is for salver accounts add; leave it out"),
            (["add", "ada", "--database", "mysql://x"], "accounts are kept in SQLite or PostgreSQL, not in mysql"),
            (["add", "ada", "--database", "no database"], None),
            (["add", "ada", "--database", "sqlite://"], None),
            (["add", "ada", "--database", "sqlite:////dev/null/accounts.db"], None),
        ],
    )  # fmt: skip
    def test_what_is_wrong_with_the_command_is_one_line_and_status_2(
        self, tmp_path: Path, arguments: list[str], said: str | None
    ) -> None:
        line = refused("accounts", *arguments, cwd=tmp_path)
        assert said is None or line == said
        assert os.listdir(tmp_path) == []

    def test_the_environment_names_the_database_which_keeps_it_out_of_the_list_of_processes(
        self, tmp_path: Path
    ) -> None:
        url = f"sqlite:///{tmp_path}/other.db"
        assert manage(tmp_path, "add", "ada", stdin=PASSWORD, SALVER_DATABASE=url) == (0, "", "")
        assert "ada" in manage(tmp_path, "list", "--database", url)[1]
        assert os.path.exists(tmp_path / "other.db")

    def test_a_library_that_is_missing_is_named_by_its_extra(self, tmp_path: Path) -> None:
        hidden = "import sys; sys.modules['argon2'] = None; sys.argv[0] = 'salver'\nfrom salver.cli import main\n"
        for arguments in (["accounts", "list"], [".", "--accounts", "sqlite:////tmp/nowhere.db"]):
            code = f"{hidden}import importlib.util as u; f = u.find_spec\n"
            code += "import salver.cli.protecting as p\n"
            code += "p.find_spec = lambda name: None if name == 'argon2' else f(name)\n"
            code += f"sys.exit(main({arguments!r}))"
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=tmp_path,
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stderr) == (
                2,
                'salver: accounts need the extra "accounts": pip install "salver[accounts]"\n',
            )

    def test_other_commands_do_not_pay_for_it(self) -> None:
        code = "import sys; from salver.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
        code += "print([n for n in sys.modules if n.startswith(('sqlalchemy', 'salver.accounts', 'salver.cli.acc'))])"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "[]"


class TestPrompting:
    """At a terminal the password is asked for, twice, and not shown."""

    def ask(self, folder: Path, *answers: str, arguments: tuple[str, ...] = ("add", "ada")) -> tuple[int, str]:
        """(exit status, all that the terminal has shown)."""
        child, terminal = pty.fork()
        if not child:
            os.chdir(folder)
            os.execvpe(SALVER[0], [*SALVER, "accounts", *arguments], environment())
        shown = ""
        try:
            for answer in answers:
                shown += self.until(terminal, ": ")
                os.write(terminal, answer.encode())
            shown += self.until(terminal, None)
        finally:
            os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown

    @staticmethod
    def until(terminal: int, end: str | None) -> str:
        shown, deadline = b"", time.monotonic() + SECONDS
        with contextlib.suppress(OSError):  # the other side is gone
            while time.monotonic() < deadline and (part := os.read(terminal, 1_024)):
                shown += part
                if end is not None and shown.endswith(end.encode()):
                    break
        return shown.decode()

    def test_it_is_asked_for_twice_and_never_shown(self, tmp_path: Path) -> None:
        status, shown = self.ask(tmp_path, PASSWORD + "\n", PASSWORD + "\n")
        assert (status, shown.split()) == (0, ["Password:", "The", "same", "again:"])
        assert "ada" in manage(tmp_path, "list")[1]

    def test_two_that_differ_change_nothing(self, tmp_path: Path) -> None:
        status, shown = self.ask(tmp_path, PASSWORD + "\n", "difference machine\n")
        assert status == 1
        assert shown.endswith("salver: the two are not the same; nothing was changed\r\n")
        assert manage(tmp_path, "list") == (0, "", "")

    def test_none_is_refused(self, tmp_path: Path) -> None:
        for nothing in ("\n", "\x04"):  # Ctrl-D
            status, shown = self.ask(tmp_path, nothing)
            assert (status, "no password was given" in shown) == (1, True)

    def test_ctrl_c_leaves_quietly_and_gives_the_echo_back(self, tmp_path: Path) -> None:
        status, shown = self.ask(tmp_path, "\x03")
        assert status == 130
        assert "Traceback" not in shown

    def test_who_is_not_there_is_told_before_a_password_is_asked_for(self, tmp_path: Path) -> None:
        add(tmp_path)
        status, shown = self.ask(tmp_path, arguments=("passwd", "bob"))
        assert (status, shown) == (1, "salver: there is no account bob\r\n")


def log_in(server: Running, name: str = "ada", password: str = PASSWORD) -> str:
    """The cookie, "" where it was refused."""
    import http.client

    connection = http.client.HTTPConnection(urlsplit(server.urls[0]).netloc, timeout=SECONDS)
    try:
        sent = json.dumps({"username": name, "password": password})
        connection.request("POST", "/accounts/api/login", sent, {"Content-Type": "application/json"})
        response = connection.getresponse()
        response.read()
        return response.headers.get("Set-Cookie", "").partition(";")[0]
    finally:
        connection.close()


SECRET = (
    "--accounts-mailer with a password in it is seen by everybody who lists processes; give it by"
    " --accounts-mail-password-file, or the environment's SALVER_MAIL_PASSWORD"
)
AT = ("--accounts", "sqlite:///a.db")
MAILS = ("--accounts-mail-from", "a@b", "--accounts-public-url", "https://example.org", "--accounts-mailer")


class TestAFolder:
    @pytest.mark.parametrize("workers", ["1", "2"])
    def test_is_for_those_who_are_logged_in(self, site: Path, tmp_path: Path, workers: str) -> None:
        add(tmp_path)
        arguments = ("--accounts", "sqlite:///accounts.db", "--workers", workers)
        with salver(str(site), *arguments, cwd=tmp_path) as server:
            assert server.said[0] == f"Serving {site}, to those who log in"
            for path in ("/", "/sub/page.txt", "/nothing", "/link.txt", "/.secret"):
                assert server.get(path)[0] == 401  # who may not see it does not learn what is there
            status, fields, _ = server.get("/sub/page.txt?x=1", Accept="text/html")
            assert (status, fields["location"]) == (303, "/accounts/login?next=/sub/page.txt%3Fx%3D1")
            assert server.get("/accounts/login")[0] == 200
            cookie = log_in(server)
            assert log_in(server, password="not the right one") == ""
            for _ in range(4):  # whichever process answers
                assert server.get("/", Cookie=cookie)[2] == b"<p>the index\n"
                status, fields, body = server.get("/sub/page.txt", Cookie=cookie)
                assert (status, len(body), fields["cache-control"]) == (200, 3_500, "no-store")
            assert server.get("/.secret", Cookie=cookie)[0] == 404

    def test_who_is_disabled_or_has_another_password_is_out_within_a_second(self, site: Path, tmp_path: Path) -> None:
        add(tmp_path)
        add(tmp_path, "bob")
        with salver(str(site), "--accounts", "sqlite:///accounts.db", cwd=tmp_path) as server:
            ada, bob = log_in(server), log_in(server, "bob")
            assert (server.get(Cookie=ada)[0], server.get(Cookie=bob)[0]) == (200, 200)
            assert manage(tmp_path, "disable", "ada")[0] == 0
            assert manage(tmp_path, "passwd", "bob", stdin="analytic machine")[0] == 0
            time.sleep(1.05)
            assert (server.get(Cookie=ada)[0], server.get(Cookie=bob)[0]) == (401, 401)
            assert log_in(server) == ""
            assert log_in(server, "bob") == ""
            assert log_in(server, "bob", "analytic machine") != ""

    def test_accounts_are_made_by_everybody_only_if_that_is_asked_for(self, site: Path, tmp_path: Path) -> None:
        for more, status in (([], 303), (["--accounts-registration"], 200)):
            url = f"sqlite:///{tmp_path}/accounts.db"
            with salver(str(site), "--accounts", url, *more) as server:
                assert server.get("/accounts/register")[0] == status

    def test_a_file_and_scripts_are_protected_as_well(self, site: Path, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path}/accounts.db"
        (site / "cgi-bin").mkdir()
        script = site / "cgi-bin" / "hello.py"
        script.write_text("#!/usr/bin/env python3\nprint('Content-Type: text/plain\\n\\nhello')\n")
        script.chmod(0o755)
        add(tmp_path)
        with salver(str(site), "--cgi", "--accounts", url) as server:
            assert server.get("/cgi-bin/hello.py")[0] == 401
            assert server.get("/cgi-bin/hello.py", Cookie=log_in(server))[2] == b"hello\n"
        with salver(str(site / "index.html"), "--accounts", url) as server:
            assert server.get()[0] == 401

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([".", "--accounts", "sqlite:///accounts.db"],
             SERVED),
            ([".", "--hidden", "--accounts", "sqlite:///.accounts.db"], None),
            (["site", "--accounts", "sqlite:///site/sub/a.db"], None),
            (["site", "--accounts", "sqlite:///nowhere/a.db"], None),
            (["site", "--accounts", "postgresql://127.0.0.1:1/x"], None),
            (["site", "--accounts", "accounts.db"], None),
            (["site", "--accounts", "sqlite:///a.db", "--accounts-tries", "http://x"], None),
            (["site", "--accounts-registration"], "--accounts-registration is for --accounts; give both"),
            (["site", "--accounts-tries", "redis://x"], "--accounts-tries is for --accounts; give both"),
            (["site", "--accounts-mailer", "smtp://x"], "--accounts-mailer is for --accounts; give both"),
            (["site", "--accounts-public-url", "https://x"], "--accounts-public-url is for --accounts; give both"),
            (["site", *AT, "--accounts-mail-from", "a@b"],
             "--accounts-mail-from is for --accounts-mailer; give both"),
            (["site", *AT, "--accounts-mailer", "smtp://x"], "--accounts-mailer needs --accounts-mail-from ADDRESS"),
            (["site", *AT, "--accounts-mailer", "smtp://x", "--accounts-mail-from", "a@b"],
             "--accounts-mailer needs --accounts-public-url https://…"),
            (["site", *AT, *MAILS, "smtps://ada:secret@mail.example"],
             SECRET),
            (["site", *AT, *MAILS, "mail.example"], None),
            (["site", *AT, *MAILS, "smtp://x", "--accounts-mail-password-file", "nowhere"],
             "cannot read the password file nowhere: no such file or directory"),
            (["site", *AT, *MAILS, "smtp://x", "--accounts-mail-from", "nobody"], None),
            (["site", *AT, *MAILS, "smtp://x", "--accounts-public-url", "http://example.org"], None),
            (["site", "--accounts", "sqlite:///a.db", "--cors"],
             "--cors is for pages that everybody may read, --accounts for the others; leave one out"),
            (["site", "--accounts", "sqlite:///a.db", "--cache", "5"],
             "what is behind --accounts is kept by no cache; leave --cache out"),
        ],
    )  # fmt: skip
    def test_what_cannot_be(self, site: Path, arguments: list[str], said: str | None) -> None:
        line = refused(*arguments, "-p", "0", cwd=site.parent)
        assert said is None or line == said

    def test_a_database_with_a_dot_may_lie_in_the_folder_and_is_not_served(self, site: Path) -> None:
        add(site)
        (site / "accounts.db").rename(site / ".accounts.db")
        with salver("--accounts", "sqlite:///.accounts.db", cwd=site) as server:
            cookie = log_in(server)
            assert server.get("/", Cookie=cookie)[0] == 200
            assert server.get("/.accounts.db", Cookie=cookie)[0] == 404

"""The pages of accounts as people use them, in a real browser: with the script, without it, by keyboard, on a phone."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.browser.webdriver import Browser, WebDriverError
from tests.cli.commands import salver

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PASSWORD = "difference engine"
ROOT = Path(__file__).resolve().parents[2]
# A folder for pictures of the pages, for whoever wants to look at them.
SHOTS = os.environ.get("SALVER_SCREENSHOTS", "")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with accounts at /accounts, and / and /mine beside them."""
    database = tmp_path_factory.mktemp("accounts") / "accounts.db"
    variables: dict[str, Any] = {"DATABASE": f"sqlite:///{database}", "CHEAP": "1"}
    with salver("run", "tests.accounts.served_app:app", "--no-access-log", cwd=ROOT, **variables) as server:
        yield server.urls[0].rstrip("/").replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def browsers() -> Iterator[dict[str, Browser]]:
    """One window of each kind that has been asked for."""
    if CHROMIUM is None:
        pytest.skip("needs the program chromium, which is not installed")
    if DRIVER is None:
        pytest.skip("needs the program chromedriver, which is not installed")
    with ExitStack() as stack:
        stack.callback(sys.stdout.flush)
        yield Windows(stack)


class Windows(dict[str, Browser]):
    """kind -> window, opened when it is first asked for: "usual", "plain" (no JavaScript), "dark"."""

    def __init__(self, stack: ExitStack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, kind: str) -> Browser:
        assert DRIVER is not None
        assert CHROMIUM is not None
        made = Browser(DRIVER, CHROMIUM, javascript=kind != "plain", dark=kind == "dark")
        self[kind] = self._stack.enter_context(made)
        return self[kind]


@pytest.fixture
def browser(browsers: dict[str, Browser], base: str) -> Iterator[Browser]:
    """Nobody is logged in. By the end the console has said nothing, but of answers that are meant to be refusals."""
    browser = browsers["usual"]
    prepare(browser, base)
    yield browser
    assert complaints(browser) == []


def complaints(browser: Browser) -> list[str]:
    """What the console has said, but what a refusal or a log-out is."""
    meant = ("Failed to load resource: the server responded with a status of 4", "Cleared data types:")
    return [message for message in browser.console() if not any(each in message for each in meant)]


def prepare(browser: Browser, base: str) -> None:
    browser.command("DELETE", "/cookie")
    browser.open(f"{base}/")
    browser.command("DELETE", "/cookie")
    browser.console()


def count() -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"user{number}"


NAMES = count()


@pytest.fixture
def name(browser: Browser, base: str) -> str:
    """An account that exists."""
    return made(browser, base)


def made(browser: Browser, base: str) -> str:
    name = next(NAMES)
    browser.open(f"{base}/accounts/login")
    register = """
        return fetch("/accounts/api/register", {method: "POST", headers: {"Content-Type": "application/json"},
            body: JSON.stringify({username: arguments[0], password: arguments[1]})}).then((answer) => answer.json())
    """
    assert browser.run(register, name, PASSWORD)["code"] == 0
    return name


def fill(browser: Browser, **fields: str) -> None:
    for selector, text in fields.items():
        browser.find(f"#{selector}").type(text)


def shoot(browser: Browser, name: str) -> None:
    if SHOTS:
        browser.screenshot(Path(SHOTS) / f"{name}.png")


def path_of(browser: Browser, base: str) -> str:
    return browser.url.removeprefix(base)


def arrives(browser: Browser, base: str, path: str) -> None:
    browser.wait_until(lambda: path_of(browser, base) == path)
    browser.wait_until(lambda: browser.run("return document.readyState") == "complete")


def wrong(browser: Browser, field: str) -> str:
    return browser.find(f"#{field}-wrong").text


def focused(browser: Browser) -> str:
    return str(browser.run("return document.activeElement.id"))


def count_requests(browser: Browser) -> None:
    browser.run(
        "const real = fetch; window.sent = 0; window.fetch = (...all) => { window.sent += 1; return real(...all) }"
    )


# Logging in and out


def test_a_protected_page_leads_to_the_login_and_back(browser: Browser, base: str, name: str) -> None:
    browser.open(f"{base}/mine?a=1")
    assert path_of(browser, base) == "/accounts/login?next=/mine%3Fa%3D1"
    shoot(browser, "login")
    fill(browser, username=name, password=PASSWORD)
    browser.find(".salver-main").click()
    arrives(browser, base, "/mine?a=1")
    assert browser.find("#hello").text == f"Hello, {name}"


def test_registering_is_logging_in(browser: Browser, base: str) -> None:
    name = next(NAMES)
    browser.open(f"{base}/accounts/login?next=/mine")
    browser.link("Create an account").click()
    arrives(browser, base, "/accounts/register?next=/mine")
    fill(browser, username=name, nickname="Lady L", password="short")
    browser.press("Enter")
    browser.wait_until(lambda: wrong(browser, "password") != "")
    assert wrong(browser, "password") == "A password has at least 10 characters."
    shoot(browser, "register-refused")
    browser.find("#password").type(PASSWORD)  # what is wrong is selected, and so replaced
    browser.press("Enter")
    arrives(browser, base, "/mine")
    assert browser.find("#hello").text == "Hello, Lady L"


def test_a_name_that_is_taken(browser: Browser, base: str, name: str) -> None:
    browser.open(f"{base}/accounts/register")
    fill(browser, username=name.upper(), password=PASSWORD)
    browser.press("Enter")
    browser.wait_until(lambda: wrong(browser, "username") != "")
    assert wrong(browser, "username") == "This user name is taken. Choose another one."
    assert focused(browser) == "username"


def test_a_wrong_password_is_said_beside_the_field(browser: Browser, base: str, name: str) -> None:
    browser.open(f"{base}/accounts/login")
    fill(browser, username=name, password="wrong")
    browser.press("Enter")
    browser.wait_until(lambda: wrong(browser, "password") != "")
    assert wrong(browser, "password") == "User name or password is wrong."
    assert (wrong(browser, "username"), focused(browser)) == ("", "password")
    assert browser.find("#password").attribute("aria-invalid") == "true"
    assert browser.run("return document.querySelector('#username').value") == name
    assert path_of(browser, base) == "/accounts/login", "the page was not left"
    shoot(browser, "login-refused")
    browser.find("#password").type(PASSWORD)
    browser.press("Enter")
    arrives(browser, base, "/accounts/account")


def test_empty_fields_are_refused_before_anything_is_sent(browser: Browser, base: str) -> None:
    for path, fields in (("login", ["username", "password"]), ("register", ["username", "password"])):
        browser.open(f"{base}/accounts/{path}")
        count_requests(browser)
        browser.find(".salver-main").click()
        assert [wrong(browser, field) for field in fields] == ["Please fill this in."] * 2
        assert focused(browser) == "username"
        browser.find("#username").type("ada")
        browser.press("Enter")
        assert [wrong(browser, field) for field in fields] == ["", "Please fill this in."]
        assert focused(browser) == "password"
        assert browser.run("return window.sent") == 0


def test_logging_out_and_going_back_shows_nothing(browser: Browser, base: str, name: str) -> None:
    log_in(browser, base, name)
    browser.open(f"{base}/mine")
    browser.open(f"{base}/accounts/account")
    shoot(browser, "account")
    browser.find("form[action$=logout] button").click()
    arrives(browser, base, "/accounts/login")
    for _ in range(2):
        browser.back()
        browser.wait_until(lambda: browser.run("return document.readyState") == "complete")
        browser.wait_until(lambda: path_of(browser, base).startswith("/accounts/login"))
        assert name not in browser.run("return document.body.innerText")
    browser.open(f"{base}/mine")
    assert path_of(browser, base) == "/accounts/login?next=/mine"


def log_in(browser: Browser, base: str, name: str) -> None:
    browser.open(f"{base}/accounts/login")
    fill(browser, username=name, password=PASSWORD)
    browser.press("Enter")
    arrives(browser, base, "/accounts/account")


def test_a_server_that_does_not_answer_is_said(browser: Browser, base: str) -> None:
    browser.open(f"{base}/accounts/login")
    browser.run("window.fetch = () => Promise.reject(new TypeError('gone'))")
    fill(browser, username="ada", password=PASSWORD)
    browser.press("Enter")
    browser.wait_until(lambda: browser.find(".salver-general").text != "")
    assert browser.find(".salver-general").text == "The server cannot be reached. Try again."
    assert browser.run("return document.querySelector('.salver-main').disabled") is False


# One's account


def test_changing_the_password(browser: Browser, base: str, name: str) -> None:
    log_in(browser, base, name)
    fill(browser, old="wrong", new_password="analytical engine")
    browser.press("Enter")
    browser.wait_until(lambda: wrong(browser, "old") != "")
    assert wrong(browser, "old") == "This is not your current password."
    assert focused(browser) == "old"
    browser.find("#old").type(PASSWORD)
    browser.press("Enter")
    arrives(browser, base, "/accounts/account?changed=1")
    assert browser.find(".salver-done").text == "The password is changed. Other devices are logged out."
    shoot(browser, "account-changed")


def test_showing_the_password(browser: Browser, base: str) -> None:
    browser.open(f"{base}/accounts/login")
    browser.find("#password").type(PASSWORD)
    button = browser.find(".salver-show")
    button.click()
    assert (browser.find("#password").attribute("type"), button.text) == ("text", "Hide")
    assert (button.attribute("aria-pressed"), focused(browser)) == ("true", "password")
    button.click()
    assert (browser.find("#password").attribute("type"), button.text) == ("password", "Show")


# The dialog on another page

DIALOG = """
    const link = document.createElement("a");
    Object.assign(link, {href: "/accounts/login?next=/mine", id: "open", textContent: "Log in"});
    link.dataset.salverLogin = "";
    document.body.append(link);
    const script = document.createElement("script");
    script.src = "/accounts/accounts.js";
    const loaded = new Promise((resolve) => { script.onload = resolve; });
    document.head.append(script);
    return loaded.then(() => true);
"""


def open_dialog(browser: Browser, base: str) -> None:
    browser.open(f"{base}/")
    assert browser.run(DIALOG)
    browser.find("#open").click()
    browser.wait_until(lambda: bool(browser.run("return !!document.querySelector('dialog[open]')")))


def test_the_dialog_logs_in_and_goes_on(browser: Browser, base: str, name: str) -> None:
    open_dialog(browser, base)
    assert (browser.find("dialog").role, browser.find("dialog").label) == ("dialog", "Log in")
    assert focused(browser) == "username"
    shoot(browser, "dialog")
    fill(browser, username=name, password="wrong")
    browser.press("Enter")
    browser.wait_until(lambda: wrong(browser, "password") != "")
    assert wrong(browser, "password") == "User name or password is wrong."
    assert browser.run("return document.querySelector('dialog #username').value") == name
    assert browser.run("return document.querySelector('dialog').open") is True
    shoot(browser, "dialog-refused")
    browser.find("#password").type(PASSWORD)
    browser.press("Enter")
    arrives(browser, base, "/mine")
    assert browser.find("#hello").text == f"Hello, {name}"


def test_the_dialog_is_left_as_it_was_opened(browser: Browser, base: str) -> None:
    for leave in (lambda: browser.press("Escape"), lambda: browser.find(".salver-close").click()):
        open_dialog(browser, base)
        leave()
        browser.wait_until(lambda: not browser.run("return !!document.querySelector('dialog')"))
        assert focused(browser) == "open"
        assert path_of(browser, base) == "/"


def test_the_dialog_refuses_empty_fields(browser: Browser, base: str) -> None:
    open_dialog(browser, base)
    count_requests(browser)
    browser.press("Enter")
    assert wrong(browser, "username") == "Please fill this in."
    assert browser.run("return window.sent") == 0


def test_the_dialogs_page_keeps_its_own_looks(browser: Browser, base: str) -> None:
    browser.open(f"{base}/")
    looks = (
        "const {font, color, margin, display} = getComputedStyle(document.body); return [font, color, margin, display]"
    )
    before = browser.run(looks)
    open_dialog(browser, base)
    assert browser.run(looks) == before


# Everybody


def test_with_the_keyboard_alone(browser: Browser, base: str, name: str) -> None:
    browser.open(f"{base}/accounts/login?next=/mine")
    order = []
    for _ in range(5):
        browser.press("Tab")
        order.append(browser.run("const at = document.activeElement; return at.id || at.className || at.textContent"))
    assert order == ["username", "password", "salver-show", "salver-main", "Create an account"]
    browser.run("document.activeElement.blur(); document.querySelector('#username').focus()")
    browser.press(*name, "Tab", *PASSWORD, "Enter")
    arrives(browser, base, "/mine")


def test_what_is_heard(browser: Browser, base: str) -> None:
    browser.open(f"{base}/accounts/register")
    assert browser.find("main").role == "main"
    assert browser.find("h1").text == "Create an account"
    assert browser.find("#username").label == "User name"
    assert browser.find("#nickname").label == "Nickname (optional)"
    assert browser.find("#password").label == "Password"
    assert browser.run("return document.querySelector('#password').getAttribute('aria-describedby')").split() == [
        "password-hint",
        "password-wrong",
    ]


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_sticks_out_sideways(browser: Browser, base: str, name: str, width: int) -> None:
    log_in(browser, base, name)
    browser.size(width, 720)
    try:
        for path in ("account", "register", "login"):
            if path == "register":
                browser.command("DELETE", "/cookie")
            browser.open(f"{base}/accounts/{path}")
            shoot(browser, f"{path}-{width}")
            assert browser.run("return document.documentElement.scrollWidth") <= width
            sizes = (
                "return [...document.querySelectorAll('button, .salver-input input')].map((each) => each.offsetHeight)"
            )
            assert width > 480 or min(size for size in browser.run(sizes) if size) >= 44, "for fingers"
        open_dialog(browser, base)
        shoot(browser, f"dialog-{width}")
        assert browser.run("return document.querySelector('dialog').getBoundingClientRect().width") <= width
    finally:
        browser.size(1200, 800)


def test_in_chinese(browser: Browser, base: str) -> None:
    browser._devtools("Network.enable")
    browser._devtools("Network.setExtraHTTPHeaders", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    try:
        browser.open(f"{base}/accounts/login")
        assert browser.find("h1").text == "登录"
        browser.find(".salver-main").click()
        assert wrong(browser, "username") == "请填写此项。"
        fill(browser, username="ada", password="wrong")
        browser.press("Enter")
        browser.wait_until(lambda: wrong(browser, "password") != "")
        assert wrong(browser, "password") == "用户名或密码错误。"
        shoot(browser, "login-chinese")
    finally:
        browser._devtools("Network.setExtraHTTPHeaders", headers={})


def contrast(browser: Browser, selector: str) -> float:
    """WCAG 2 contrast of a text's colour with the card that it stands on."""
    script = """
        const light = (colour) => {
            const [r, g, b] = colour.match(/[0-9.]+/g).map((each) => each / 255)
                .map((each) => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const at = document.querySelector(arguments[0]);
        const own = getComputedStyle(at);
        let ground = own.backgroundColor;
        for (let up = at; ground === "rgba(0, 0, 0, 0)"; up = up.parentElement)
            ground = getComputedStyle(up).backgroundColor;
        const both = [light(own.color), light(ground)].sort((a, b) => b - a);
        return (both[0] + 0.05) / (both[1] + 0.05);
    """
    return float(browser.run(script, selector))


@pytest.mark.parametrize("kind", ["usual", "dark"])
def test_it_can_be_read_in_light_and_in_the_dark(browsers: dict[str, Browser], base: str, kind: str) -> None:
    browser = browsers[kind]
    prepare(browser, base)
    browser.open(f"{base}/accounts/register")
    browser.find(".salver-main").click()
    ground = browser.run("return getComputedStyle(document.querySelector('.salver-card')).backgroundColor")
    assert ground == ("rgb(30, 33, 38)" if kind == "dark" else "rgb(255, 255, 255)")
    for selector in (
        "h1",
        "label",
        ".salver-hint",
        ".salver-wrong",
        ".salver-main",
        ".salver-other a",
        ".salver-place",
    ):
        assert contrast(browser, selector) >= 4.5, selector
    shoot(browser, f"register-{kind}")


def says(browser: Browser, text: str) -> bool:
    """Beside the password; False while the next page is on its way."""
    try:
        return wrong(browser, "password") == text
    except WebDriverError:
        return False


def test_without_javascript(browsers: dict[str, Browser], base: str) -> None:
    """The long way round: the same pages, sent as forms."""
    browser = browsers["plain"]
    prepare(browser, base)
    name = next(NAMES)
    browser.open(f"{base}/mine")
    browser.link("Create an account").click()
    arrives(browser, base, "/accounts/register?next=/mine")
    fill(browser, username=name, password="too-short")
    browser.find(".salver-main").click()
    browser.wait_until(lambda: says(browser, "A password has at least 10 characters."))
    assert browser.find("#username").attribute("value") == name
    shoot(browser, "register-plain")
    browser.find("#password").type(PASSWORD)
    browser.find(".salver-main").click()
    arrives(browser, base, "/mine")
    browser.open(f"{base}/accounts/account")
    browser.find("form[action$=logout] button").click()
    arrives(browser, base, "/accounts/login")
    browser.back()
    browser.wait_until(lambda: path_of(browser, base).startswith("/accounts/login"))
    browser.open(f"{base}/accounts/login")
    fill(browser, username=name, password="wrong")
    browser.find(".salver-main").click()
    browser.wait_until(lambda: says(browser, "User name or password is wrong."))
    assert complaints(browser) == []

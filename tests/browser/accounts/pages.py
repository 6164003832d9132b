"""What the browser's tests of accounts share: windows, an account, and what is done and seen on the pages."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from tests.browser.webdriver import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
PASSWORD = "difference engine"
# A folder for pictures of the pages, for whoever wants to look at them.
SHOTS = os.environ.get("SALVER_SCREENSHOTS", "")
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


def log_in(browser: Browser, base: str, name: str) -> None:
    browser.open(f"{base}/accounts/login")
    fill(browser, username=name, password=PASSWORD)
    browser.press("Enter")
    arrives(browser, base, "/accounts/account")


def open_dialog(browser: Browser, base: str) -> None:
    browser.open(f"{base}/")
    assert browser.run(DIALOG)
    browser.find("#open").click()
    browser.wait_until(lambda: bool(browser.run("return !!document.querySelector('dialog[open]')")))

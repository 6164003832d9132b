"""An address is confirmed and a forgotten password set anew, the whole way: letters are taken from a mail server, their
links opened, with JavaScript and without."""

from __future__ import annotations

import pytest

from tests.accounts.mail_server import Letter, MailServer
from tests.browser.accounts.pages import (
    NAMES,
    PASSWORD,
    arrives,
    complaints,
    fill,
    made,
    path_of,
    prepare,
    shoot,
    wrong,
)
from tests.browser.accounts.test_for_everybody import contrast
from tests.browser.webdriver import Browser, WebDriverError

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NEW = "analytical engine"
VOID = "This link holds no more: it was used, or is too old. Ask for another one."

FORGOTTEN = """
    return fetch("/mailed/api/forgotten", {method: "POST", body: new URLSearchParams({account: arguments[0]})})
        .then((answer) => answer.json())
"""


def letter_to(mail_server: MailServer, address: str, subject: str) -> Letter:
    """The next one of that subject; others are of tests before."""
    while True:
        letter = mail_server.take()
        if letter.to == address and subject in letter.message["Subject"]:
            return letter


def here(link: str, base: str) -> str:
    assert link.startswith("https://example.org/mailed/")
    return link.replace("https://example.org", base)


def says(browser: Browser, selector: str, text: str) -> bool:
    """False while the next page is on its way."""
    try:
        return text in browser.find(selector).text
    except WebDriverError:
        return False


def replace(browser: Browser, field: str, text: str) -> None:
    browser.run("document.getElementById(arguments[0]).value = ''", field)
    browser.find(f"#{field}").type(text)


def confirmed(browser: Browser, base: str, mail_server: MailServer, name: str) -> str:
    """The account's address, which it gets here."""
    address = f"{name}@example.org"
    browser.open(f"{base}/mailed/login")
    fill(browser, username=name, password=PASSWORD)
    browser.press("Enter")
    arrives(browser, base, "/mailed/account")
    fill(browser, email=address, proof=PASSWORD)
    browser.press("Enter")
    arrives(browser, base, "/mailed/account?changed=email")
    assert says(browser, "section[aria-labelledby=mail]", f"Not confirmed yet; a link was sent to {address}")
    browser.open(here(letter_to(mail_server, address, "confirm").link, base))
    browser.find(".salver-main").click()
    arrives(browser, base, "/mailed/confirm?changed=1")
    return address


def test_an_address_is_given_and_confirmed(browser: Browser, base: str, mail_server: MailServer) -> None:
    name = next(NAMES)
    address = f"{name}@example.org"
    browser.open(f"{base}/mailed/register")
    fill(browser, username=name, email="nowhere", password=PASSWORD)
    browser.press("Enter")
    browser.wait_until(lambda: wrong(browser, "email") != "")
    assert wrong(browser, "email") == "This cannot be an e-mail address."
    shoot(browser, "mail-register-refused")
    replace(browser, "email", address)
    browser.press("Enter")
    arrives(browser, base, "/mailed/account")
    assert says(browser, "section[aria-labelledby=mail]", f"Not confirmed yet; a link was sent to {address}")
    shoot(browser, "mail-account-pending")

    browser.open(here(letter_to(mail_server, address, "confirm").link, base))
    assert browser.find("h1").text == "Confirm your address"
    shoot(browser, "mail-confirm")
    browser.find(".salver-main").click()
    arrives(browser, base, "/mailed/confirm?changed=1")
    assert browser.find(".salver-done").text == "The address is confirmed."
    browser.link("Your account").click()
    arrives(browser, base, "/mailed/account")
    assert says(browser, "section[aria-labelledby=mail]", f"Confirmed: {address}")
    shoot(browser, "mail-account")


def test_a_forgotten_password_is_set_anew(browser: Browser, base: str, name: str, mail_server: MailServer) -> None:
    address = confirmed(browser, base, mail_server, name)
    browser.open(f"{base}/mailed/account")
    browser.find("form[action$=logout] button").click()
    arrives(browser, base, "/mailed/login")
    browser.link("Forgot your password?").click()
    arrives(browser, base, "/mailed/forgotten")
    browser.find("#account").type(address.upper())
    shoot(browser, "mail-forgotten")
    browser.press("Enter")
    arrives(browser, base, "/mailed/forgotten?changed=1")
    assert "a link is on its way" in browser.find(".salver-done").text
    shoot(browser, "mail-forgotten-sent")

    link = here(letter_to(mail_server, address, "set a new password").link, base)
    browser.open(link)
    assert name in browser.find("main").text
    browser.find("#password").type("short")
    browser.press("Enter")
    browser.wait_until(lambda: wrong(browser, "password") != "")
    assert wrong(browser, "password") == "A password has at least 10 characters."
    shoot(browser, "mail-reset-refused")
    browser.find("#password").type(NEW)
    browser.press("Enter")
    arrives(browser, base, "/mailed/login?changed=1")
    assert browser.find(".salver-done").text == "The password is changed. Log in with it."
    shoot(browser, "mail-login-after")
    fill(browser, username=name, password=NEW)
    browser.press("Enter")
    arrives(browser, base, "/mailed/account")
    letter_to(mail_server, address, "was changed")

    browser.open(link)
    assert browser.find(".salver-general").text == VOID
    shoot(browser, "mail-reset-void")


def test_without_javascript(browsers: dict[str, Browser], browser: Browser, base: str, mail_server: MailServer) -> None:
    name = made(browser, base)
    address = confirmed(browser, base, mail_server, name)
    plain = browsers["plain"]
    prepare(plain, base)
    plain.open(f"{base}/mailed/forgotten")
    fill(plain, account=name)
    plain.find(".salver-main").click()
    plain.wait_until(lambda: path_of(plain, base) == "/mailed/forgotten?changed=1")
    plain.open(here(letter_to(mail_server, address, "set a new password").link, base))
    fill(plain, password="too-short")
    plain.find(".salver-main").click()
    plain.wait_until(lambda: says(plain, "#password-wrong", "A password has at least 10 characters."))
    assert path_of(plain, base) == "/mailed/reset", "the link is not in the address any more"
    fill(plain, password=NEW)
    plain.find(".salver-main").click()
    plain.wait_until(lambda: path_of(plain, base) == "/mailed/login?changed=1")
    fill(plain, username=name, password=NEW)
    plain.find(".salver-main").click()
    arrives(plain, base, "/mailed/account")
    assert complaints(plain) == []


@pytest.mark.parametrize("base", ["sqlite"], indirect=True)  # what it looks like is no matter of the database
@pytest.mark.parametrize("kind", ["usual", "dark"])
def test_how_it_looks_on_a_phone_and_in_the_dark(
    browsers: dict[str, Browser], base: str, mail_server: MailServer, kind: str
) -> None:
    browser = browsers[kind]
    prepare(browser, base)
    name = made(browser, base)
    address = confirmed(browser, base, mail_server, name)
    waiting = f"{'long' * 12}.{address}"
    browser.open(f"{base}/mailed/account")
    replace(browser, "email", waiting)
    fill(browser, proof=PASSWORD)
    browser.press("Enter")
    arrives(browser, base, "/mailed/account?changed=email")
    links = [letter_to(mail_server, waiting, "confirm").link]
    assert browser.run(FORGOTTEN, name)["code"] == 0
    links.append(letter_to(mail_server, address, "set a new password").link)
    pages = ["account?changed=email", *(link.rpartition("/")[2] for link in links), "forgotten?changed=1", "register"]
    browser.size(320, 1400)
    try:
        for page in pages:
            if page == "register":
                browser.command("DELETE", "/cookie")
            browser.open(f"{base}/mailed/{page}")
            shoot(browser, f"mail-{page.partition('?')[0]}-{kind}-320")
            assert browser.run("return document.documentElement.scrollWidth") <= 320
            for selector in (".salver-done", ".salver-address", ".salver-hint", ".salver-main", ".salver-other a"):
                if browser.run("return !!document.querySelector(arguments[0])", selector):
                    assert contrast(browser, selector) >= 4.5, (page, selector)
    finally:
        browser.size(1200, 800)

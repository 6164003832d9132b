"""Registering, logging in and out, and the login as a dialog over another page, in a real browser with JavaScript."""

from __future__ import annotations

import pytest

from tests.browser.accounts.pages import (
    NAMES,
    PASSWORD,
    arrives,
    count_requests,
    fill,
    focused,
    log_in,
    open_dialog,
    path_of,
    shoot,
    wrong,
)
from tests.browser.webdriver import Browser

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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

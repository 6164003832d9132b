"""The pages of accounts by keyboard, by ear, on a phone, in Chinese, in the dark, and without JavaScript."""

from __future__ import annotations

import pytest

from tests.browser.accounts.pages import (
    NAMES,
    PASSWORD,
    arrives,
    complaints,
    fill,
    log_in,
    open_dialog,
    path_of,
    prepare,
    shoot,
    wrong,
)
from tests.browser.webdriver import Browser, WebDriverError

pytestmark = [pytest.mark.browser, pytest.mark.slow]


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

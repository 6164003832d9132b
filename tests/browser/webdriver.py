"""A browser driven by W3C WebDriver, over the standard library alone: one session of chromedriver with Chromium.

Only what the tests here use. The browser starts with an empty profile, makes no connections of its own, and ends
with its driver, which is a child process of the test.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver §12.1: the key of an element reference
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--lang=en-US",
)
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "Backspace": "\ue003"}


class WebDriverError(Exception):
    """The driver's or the browser's refusal, in its own words."""


class Element:
    """An element of the page that is open."""

    def __init__(self, browser: Browser, reference: str) -> None:
        self._browser = browser
        self._reference = reference

    def click(self) -> None:
        self._browser.command("POST", f"/element/{self._reference}/click", {})

    def type(self, text: str) -> None:
        self._browser.command("POST", f"/element/{self._reference}/value", {"text": text})

    @property
    def text(self) -> str:
        """As it is rendered."""
        return str(self._browser.command("GET", f"/element/{self._reference}/text"))

    def attribute(self, name: str) -> str | None:
        return self._browser.command("GET", f"/element/{self._reference}/attribute/{name}")  # type: ignore[no-any-return]

    @property
    def role(self) -> str:
        """What it is to assistive technology."""
        return str(self._browser.command("GET", f"/element/{self._reference}/computedrole"))

    @property
    def label(self) -> str:
        """Its accessible name."""
        return str(self._browser.command("GET", f"/element/{self._reference}/computedlabel"))


class Browser:
    """One window. Use it in a `with` statement, which starts and ends it."""

    def __init__(self, chromedriver: str, chromium: str, *, javascript: bool = True, dark: bool = False) -> None:
        self._chromedriver = chromedriver
        self._chromium = chromium
        self._preferences = {} if javascript else {"profile.managed_default_content_settings.javascript": 2}
        self._flags = [*_FLAGS, *(["--blink-settings=preferredColorScheme=0"] if dark else [])]

    def __enter__(self) -> Browser:
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._driver = subprocess.Popen(
            [self._chromedriver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            self._port = self._read_port()
            self._session = ""
            self._session = self._open_session()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.command("DELETE", "")
        except (OSError, WebDriverError, http.client.HTTPException):
            pass
        self._end()

    def _end(self) -> None:
        """The driver's process group is its own: with it the browser's processes end, whatever has happened."""
        try:
            os.killpg(self._driver.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._driver.wait()
        if self._driver.stdout is not None:
            self._driver.stdout.close()
        self._profile.cleanup()

    def _read_port(self) -> int:
        """The driver says on its standard output which port it has taken."""
        output, said, deadline = self._driver.stdout, b"", time.monotonic() + 30
        while output is not None and time.monotonic() < deadline:
            ready, _, _ = select.select([output], [], [], 1.0)
            piece = os.read(output.fileno(), 4096) if ready else None
            if piece == b"":
                break
            said += piece or b""
            matched = re.search(rb"on port ([0-9]+)\.", said)
            if matched:
                return int(matched[1])
        raise WebDriverError(f"chromedriver did not start: {said.decode(errors='replace')}")

    def _open_session(self) -> str:
        options = {
            "binary": self._chromium,
            "args": [*self._flags, f"--user-data-dir={self._profile.name}"],
            "prefs": self._preferences,
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        opened = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        return f"/session/{opened['sessionId']}"

    def command(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A WebDriver command of this session; returns its value. Raises `WebDriverError`."""
        return self._call(method, self._session + path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        finally:
            connection.close()
        if isinstance(value, dict) and "error" in value and "stacktrace" in value:
            raise WebDriverError(f"{value['error']}: {value['message']}")
        return value

    # The page

    def open(self, url: str) -> None:
        """Go there, and return when the page has loaded."""
        self.command("POST", "/url", {"url": url})

    @property
    def url(self) -> str:
        return str(self.command("GET", "/url"))

    def back(self) -> None:
        self.command("POST", "/back", {})

    def reload(self) -> None:
        self.command("POST", "/refresh", {})

    def find(self, selector: str) -> Element:
        """The first element of a CSS selector. Raises `WebDriverError` where there is none."""
        found = self.command("POST", "/element", {"using": "css selector", "value": selector})
        return Element(self, found[_ELEMENT])

    def link(self, text: str) -> Element:
        """The link with exactly this text."""
        found = self.command("POST", "/element", {"using": "link text", "value": text})
        return Element(self, found[_ELEMENT])

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script (the body of a function) returns; works with the page's own JavaScript switched off too."""
        return self.command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def press(self, *keys: str) -> None:
        """Press keys, wherever the focus is: characters, or names of `KEYS`."""
        actions = []
        for key in keys:
            value = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.command("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def wait_until(self, condition: Callable[[], bool], seconds: float = 10.0) -> None:
        """Return when `condition()` holds; raises TimeoutError where it never does."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("the page did not get there")
            time.sleep(0.02)

    def console(self) -> list[str]:
        """What the console has said since it was last asked: errors, warnings, and refused loads."""
        return [entry["message"] for entry in self.command("POST", "/se/log", {"type": "browser"})]

    def size(self, width: int, height: int) -> None:
        """The viewport in CSS pixels, as narrow as a phone's, which no window can be made."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )

    def screenshot(self, path: Path) -> None:
        """The viewport as a PNG file."""
        path.write_bytes(base64.b64decode(self.command("GET", "/screenshot")))

    def _devtools(self, name: str, **parameters: Any) -> Any:
        return self.command("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

"""What a User-Agent field comes to for a person: "Firefox, Windows". It is for recognizing one's own devices in a list,
so that what is not known is shown as it was sent, and nothing else depends on it."""

from __future__ import annotations

# Each says the names of those that it wants to be taken for, too: the one that says most comes first.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def device_name(agent: str) -> str:
    """The browser and its system, or `agent` as it is where it names none; "" for ""."""
    if not agent.startswith("Mozilla/"):
        return agent
    found = [next((name for mark, name in table if mark in agent), "") for table in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, found)) if found[0] else agent

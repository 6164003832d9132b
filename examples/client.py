"""Follows every link of a site and says which lead nowhere: eight threads, one client.

python examples/client.py http://127.0.0.1:8000/
"""

import sys
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin

from salver.client import Client, ClientError, Timeout


class Links(HTMLParser):
    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self.page = page
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.found.add(urldefrag(urljoin(self.page, value)).url)


def look_at(client: Client, url: str) -> tuple[str, set[str]]:
    """What is wrong with a URL, "" for nothing, and where its page leads."""
    try:
        with client.stream("GET", url) as response:
            if not response.ok:
                return f"{response.status} {response.reason}", set()
            if not response.headers.get("content-type", "").startswith("text/html"):
                return "", set()  # its content is not even fetched
            response.read()
            return "", Links(response.url, response.text).found
    except ClientError as error:
        return error.message, set()


def main(start: str) -> int:
    seen, waiting, broken = {start}, [start], 0
    with Client(timeout=Timeout(total=20)) as client, ThreadPoolExecutor(8) as pool:
        while waiting:
            looked_at = list(pool.map(lambda url: (url, *look_at(client, url)), waiting))
            broken += sum(bool(problem) for _, problem, _ in looked_at)
            for url, problem, _ in looked_at:
                if problem:
                    print(f"{url}: {problem}")
            found = {link for _, _, links in looked_at for link in links}
            waiting = sorted(link for link in found - seen if link.startswith(start))
            seen.update(waiting)
    print(f"{len(seen)} URLs, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""Handlers that block, beside one that does not: nobody waits for anybody.

python examples/blocking.py [ADDRESS]
curl http://127.0.0.1:8000/slow & curl http://127.0.0.1:8000/
"""

import sys
import time

from salver import Request, serve


def handler(request: Request) -> tuple[str, int] | str:
    """Nothing has to be declared: the crew sees that /slow and /told block, and learns it."""
    if request.path == "/slow":
        time.sleep(1.0)  # a query, say: others are served as soon as somebody notices
        return "<p>That took a second.\n"
    if request.path == "/told":
        request.hand_over()  # one who knows can say so: others are served from here on
        time.sleep(1.0)
        return "<p>That took a second, too.\n"
    if request.path == "/":
        return "<p>At once. Try <a href='/slow'>/slow</a> and <a href='/told'>/told</a>.\n"
    return "<p>There is nothing here.\n", 404


if __name__ == "__main__":
    serve(handler, bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")

"""The smallest server: a function that takes a request and returns what is to be sent.

python examples/hello.py [ADDRESS]
"""

import sys

from salver import Request, serve


def hello(request: Request) -> str:
    return f"<!DOCTYPE html><title>Hello</title><h1>Hello, {request.client.host}!</h1>\n"


if __name__ == "__main__":
    serve(hello, bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")

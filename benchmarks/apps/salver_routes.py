"""`Hello, World!` by a bare handler, at any path; by an app at /, with one route; and by an app at
/shop500/alice/items/42, with a thousand routes of two parameters each."""

from __future__ import annotations

from salver import App, Request


def bare(request: Request) -> str:
    """What the apps are compared with: the same view without them."""
    return "Hello, World!"


one = App()
thousand = App()


one.get("/")(bare)


def item(request: Request, name: str, number: int) -> str:
    """What the path says makes no difference: the bytes are to be the bare handler's."""
    return "Hello, World!"


for shop in range(1000):
    thousand.add_route(f"/shop{shop}/{{name}}/items/{{number:int}}", item)

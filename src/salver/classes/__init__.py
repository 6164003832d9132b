"""The class tower: `socketserver` and `http.server` as they are known, on the crew.

`as_handler(MyHandler)` makes any class with `do_GET` a Handler, to be mounted where other handlers are.
"""

from salver.classes.adapter import as_handler

__all__ = ["as_handler"]

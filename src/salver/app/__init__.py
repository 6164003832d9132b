"""Routes to views, mounts, hooks and error pages: `App`, a Handler.

`salver.App` is this one with what a command line would do for it: `run`, `mount` of anything, a test client.
"""

from salver.app.app import App
from salver.app.converters import Converter
from salver.app.errors import abort
from salver.app.logs import log

__all__ = ["App", "Converter", "abort", "log"]

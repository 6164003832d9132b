"""Handlers that run what was written for another interface: CGI scripts.

`CGIFolder(root, **settings)` and `CGIScript(path, **settings)`; the settings are the members of `CGISettings`.
"""

from salver.gateway.cgi import CGIFolder, CGIScript
from salver.gateway.cgi_settings import CGISettings
from salver.gateway.cgi_site import CGISite

__all__ = ["CGIFolder", "CGIScript", "CGISettings", "CGISite"]

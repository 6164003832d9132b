"""WsgiDAV under a prefix of a site of ours; DAV_FOLDER is what it serves."""

import os

from wsgidav.wsgidav_app import WsgiDAVApp

from salver.gateway.wsgi import WSGI

dav = WSGI(
    WsgiDAVApp(
        {
            "provider_mapping": {"/": os.environ["DAV_FOLDER"]},
            "simple_dc": {"user_mapping": {"*": True}},
            "mount_path": "/dav",
            "property_manager": True,
            "lock_storage": True,
            "verbose": 0,
            "logging": {"enable": False},
        }
    )
)


def site(request):
    if request.raw_path == "/dav" or request.raw_path.startswith("/dav/"):
        request.prefix = "/dav"
        return dav(request)
    return "Nothing but /dav/ here"


site.salver_options_for = dav.salver_options_for

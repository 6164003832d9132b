"""A folder that is not the current one."""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

Handler = partial(SimpleHTTPRequestHandler, directory=sys.argv[2])

with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as httpd:
    print(httpd.server_address[1], flush=True)
    try:
        httpd.serve_forever()
    except KeyboardInterrupt:
        print("closed", flush=True)

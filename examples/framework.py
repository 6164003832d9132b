"""A small site on the mini framework: a page with an image, a form that is sent by GET and by POST, a 404 page.

python examples/framework.py [ADDRESS]
"""

import sys
from html import escape
from pathlib import Path

from salver import App, Request, Response
from salver.app import log

IMAGE = Path(__file__).parent / "site" / "images" / "tray.svg"
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
body {{ max-width: 34rem; margin: 3rem auto; padding: 0 1.25rem; font: 1.05rem/1.6 system-ui, sans-serif }}
img, input, button {{ max-width: 100%; font: inherit }}
</style>
<h1>{title}</h1>
{content}
"""
FORMS = """<p>{said}</p>
<form method="get"><p><input name="message" aria-label="Message by GET"> <button>Send by GET</button></form>
<form method="post"><p><input name="message" aria-label="Message by POST"> <button>Send by POST</button></form>
<p><a href="/">Back</a></p>
"""


def index() -> str:
    content = '<p><img src="/tray.svg" alt="A tray"></p><p><a href="/msg">Leave a message</a></p>'
    return PAGE.format(title="Hello", content=content)


def image() -> Response:
    return Response(IMAGE.read_bytes(), content_type="image/svg+xml")


def msg(request: Request) -> str:
    sent = request.form if request.method == "POST" else request.query
    message = sent.get("message", "")
    log("message by", request.method, message)
    said = f"You said “{escape(message)}” by {request.method}." if message else "Say something."
    return PAGE.format(title="Messages", content=FORMS.format(said=said))


app = App({"/": index, "/tray.svg": image, "/msg": msg})


@app.errorhandler(404)
def not_found(request: Request, error: Exception) -> str:
    content = f"<p>There is no {escape(request.path)} here. <a href='/'>Back</a></p>"
    return PAGE.format(title="Not found", content=content)


if __name__ == "__main__":
    app.run(bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")

"""An upload page with a progress bar, which works without JavaScript too. Files go to the folder as they arrive.

python examples/upload.py [ADDRESS [FOLDER]]    or: salver run examples.upload:app
"""

import sys
from html import escape
from pathlib import Path

from salver import App, Request, Response

FOLDER = Path("uploads")
PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Upload</title>
<style>
body {{ max-width: 34rem; margin: 3rem auto; padding: 0 1.25rem; font: 1.05rem/1.6 system-ui, sans-serif }}
input, button, progress {{ max-width: 100%; font: inherit }}
</style>
<h1>Upload</h1>
<form method="post" enctype="multipart/form-data">
<p><input type="file" name="file" aria-label="Files" multiple required> <button>Upload</button></form>
<progress max="1" value="0" hidden aria-label="Uploaded"></progress>
<p role="status"></p> <ul>{files}</ul>
<script>
const form = document.forms[0], bar = document.querySelector("progress"), status = document.querySelector("[role]");
form.addEventListener("submit", event => {{
  event.preventDefault();
  const request = new XMLHttpRequest();
  request.upload.onprogress = at => {{ bar.hidden = false; bar.value = at.loaded / at.total; }};
  request.onerror = () => {{ status.textContent = "It was not uploaded: " + (request.statusText || "no connection"); }};
  request.onload = () => request.status < 400 ? location.reload() : request.onerror();
  request.open("POST", form.action);
  request.send(new FormData(form));
}});
</script>
"""
app = App()


@app.get("/")
def page() -> str:
    kept = sorted(FOLDER.glob("[!.]*"))
    return PAGE.format(files="".join(f"<li>{escape(path.name)}, {path.stat().st_size:,} bytes" for path in kept))


@app.post("/", stream_body=True, max_body=2 << 30)
def upload(request: Request) -> Response:
    FOLDER.mkdir(exist_ok=True)
    request.read_form(folder=FOLDER)  # on the same file system, so that saving moves and does not copy
    for file in request.files.get_all("file"):
        file.save_to(FOLDER)
    return Response.redirect("/")  # a reload must not send the files again


if __name__ == "__main__":
    FOLDER = Path(sys.argv[2] if len(sys.argv) > 2 else FOLDER)
    app.run(bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")

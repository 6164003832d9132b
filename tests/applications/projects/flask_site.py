import hashlib
import queue
import tempfile

from flask import (
    Flask,
    Response,
    jsonify,
    make_response,
    redirect,
    request,
    send_file,
    session,
    stream_with_context,
    url_for,
)

app = Flask(__name__)
app.secret_key = "for tests alone"
steps = queue.Queue()

FORM = """<form method="post"><input name="name"><input type="submit"></form>"""


@app.route("/form", methods=["GET", "POST"])
def form():
    if request.method == "GET":
        return FORM
    session["name"] = request.form["name"]
    return redirect(url_for("who"), 303)


@app.get("/who")
def who():
    response = make_response(f"You are {session.get('name', 'nobody')}, here at {request.url}")
    response.set_cookie("visits", str(int(request.cookies.get("visits", "0")) + 1), httponly=True)
    response.set_cookie("other", "caf\xe9 und mehr")
    return response


@app.get("/stream")
def stream():
    """Goes on when it is told to, so that nothing can come that was not asked for yet."""

    def pieces():
        for number in range(3):
            yield f"piece {number} of {request.path}\n"
            steps.get(timeout=20)

    return Response(stream_with_context(pieces()), mimetype="text/plain")


@app.post("/go-on")
def go_on():
    steps.put(True)
    return "", 204


@app.post("/upload")
def upload():
    file = request.files["file"]
    sums, size = hashlib.sha256(), 0
    while data := file.stream.read(1 << 16):
        sums.update(data)
        size += len(data)
    return jsonify(name=file.filename, size=size, sha256=sums.hexdigest(), title=request.form["title"])


@app.post("/raw")
def raw():
    sums, size = hashlib.sha256(), 0
    while data := request.stream.read(1 << 16):
        sums.update(data)
        size += len(data)
    return jsonify(size=size, sha256=sums.hexdigest(), length=request.content_length)


@app.post("/json")
def echo():
    return jsonify(got=request.get_json())


@app.get("/file")
def file():
    opened = tempfile.TemporaryFile()
    opened.write(bytes(range(256)) * 4096)
    opened.seek(0)
    return send_file(opened, mimetype="application/octet-stream", conditional=False)


@app.get("/this-file")
def this_file():
    return send_file(__file__, conditional=True)


@app.get("/path/<path:rest>")
def path(rest):
    return jsonify(rest=rest, root=request.script_root, args=request.args.to_dict(flat=False))


@app.get("/log")
def log():
    app.logger.error("something about %s", request.path)
    return "said"


@app.get("/broken")
def broken():
    raise ValueError("a secret")

import bottle

app = bottle.Bottle()


@app.get("/hello/<name>")
def hello(name):
    return bottle.template("<b>Hello {{name}}</b>!", name=name)


@app.post("/form")
def form():
    bottle.response.set_cookie("seen", "yes", path="/")
    return {"name": bottle.request.forms.name, "agent": bottle.request.get_header("User-Agent")}


@app.get("/files/<name>")
def files(name):
    return bottle.static_file(name, root=".")


@app.get("/pieces")
def pieces():
    yield "one "
    yield "two "
    yield "three"

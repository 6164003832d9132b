"""A small JSON API with its state in memory: GET and POST /notes, GET and DELETE /notes/1.

python examples/json_api.py [ADDRESS]
curl --json '{"text": "polish the tray"}' http://127.0.0.1:8000/notes
"""

import itertools
import sys
from typing import Any

from salver import App, Request, Response
from salver.app import abort

app = App()
notes: dict[int, str] = {}  # requests run in several threads, but a dict needs no lock for one step at a time
numbers = itertools.count(1)


@app.get("/notes")
def every() -> dict[str, str]:
    return {str(number): text for number, text in notes.items()}


@app.post("/notes")
def add(request: Request) -> tuple[Any, int, dict[str, str]]:
    text, number = text_of(request), next(numbers)
    notes[number] = text
    return {"id": number, "text": text}, 201, {"Location": app.url_for("one", number=number)}


@app.get("/notes/{number:int}")
def one(number: int) -> dict[str, Any]:
    text = notes.get(number)
    if text is None:
        abort(404, f"There is no note {number}.")
    return {"id": number, "text": text}


@app.delete("/notes/{number:int}")
def remove(number: int) -> Response:
    one(number)
    del notes[number]
    return Response(status=204)


def text_of(request: Request) -> str:
    """What is no JSON is a 400 already, and what says that it is something else a 415."""
    sent = request.json
    if not isinstance(sent, dict) or not isinstance(sent.get("text"), str):
        abort(400, 'Send {"text": "…"}.')
    return str(sent["text"])


if __name__ == "__main__":
    app.run(bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")

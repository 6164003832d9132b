"""A small JSON API with its state in memory: GET and POST /notes, GET and DELETE /notes/1.

python examples/json_api.py [ADDRESS]
curl -d '{"text": "polish the tray"}' http://127.0.0.1:8000/notes
"""

import itertools
import json
import sys
from typing import Any

from salver import Request, Response, serve


class Notes:
    """A handler is anything that can be called; an object keeps state. Requests run in several threads, but a dict
    needs no lock for one step at a time."""

    def __init__(self) -> None:
        self._notes: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def __call__(self, request: Request) -> Any:
        first, _, number = request.path.strip("/").partition("/")
        if first != "notes":
            return {"error": "there is /notes, and nothing else"}, 404
        if number:
            return self._one(request.method, number)
        return self._add(request) if request.method == "POST" else self._notes

    def _add(self, request: Request) -> Any:
        try:
            text = str(json.loads(request.body)["text"])
        except (ValueError, KeyError, TypeError):
            return {"error": 'send {"text": "..."}'}, 400
        number = str(next(self._numbers))
        self._notes[number] = text
        return {number: text}, 201, {"Location": f"/notes/{number}"}

    def _one(self, method: str, number: str) -> Any:
        text = self._notes.pop(number, None) if method == "DELETE" else self._notes.get(number)
        if text is None:
            return {"error": f"there is no note {number}"}, 404
        return Response(status=204) if method == "DELETE" else {number: text}


if __name__ == "__main__":
    serve(Notes(), bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")

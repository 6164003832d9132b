"""A clock whose seconds come from the server, as server-sent events: one generator, and no thread for any client.

python examples/clock.py [ADDRESS]
curl -N http://127.0.0.1:8000/time
"""

import sys
import time
from collections.abc import Iterator
from datetime import datetime

from salver import App, Response
from salver.events import Event, Pause

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>Clock</title>
<style>
body { display: grid; place-content: center; min-height: 90vh; margin: 0; text-align: center; font-family: system-ui }
time { font: 200 min(18vw, 9rem) ui-monospace, monospace; font-variant-numeric: tabular-nums }
</style>
<main><time>--:--:--</time><p role="status">The clock needs JavaScript.</p></main>
<script>
const clock = document.querySelector("time"), status = document.querySelector("[role]");
const events = new EventSource("/time");
events.onopen = () => { status.textContent = "It is the server's time."; };
events.onerror = () => { status.textContent = "The server is away; trying again."; };
events.onmessage = event => {
  clock.dateTime = event.data;
  clock.textContent = event.data.slice(11, 19);
};
</script>
"""
app = App()


@app.get("/")
def page() -> str:
    return PAGE


@app.get("/time")
def seconds() -> Response:
    return Response.event_stream(ticks())


def ticks() -> Iterator[Event | Pause]:
    """Between two seconds a client costs memory alone; the generator is closed when its client has gone."""
    while True:
        yield Event(datetime.now().astimezone().isoformat(timespec="seconds"))
        yield Pause(1.0 - time.time() % 1.0)


if __name__ == "__main__":
    app.run(bind=sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000")

"""Pages from templates: escaped, with what a page needs of its request, and legible where something is missing."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest

from salver.app import App
from salver.app.csrf import csrf_protect
from salver.app.flash import flash
from salver.app.sessions import sessions
from salver.app.templates import Templates
from salver.middleware import security_headers
from salver.request import Request
from salver.testing import TestClient
from tests.middleware.support import request

SECRET = "correct-horse-battery-staple-9000-times"
EVIL = '<script>alert("1")</script>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pages = {
        "hello.html": "<p title='{{ name }}'>{{ name }}</p>",
        "hello.txt": "Dear {{ name }},",
        "hello.html.j2": "{{ name }}",
        "hello.txt.jinja": "{{ name }}",
        "hello.svg": "<svg>{{ name }}</svg>",
        "hello": "{{ name }}",
        "base.html": "<title>{% block title %}{% endblock %}</title>",
        "child.html": "{% extends 'base.html' %}{% block title %}{{ name }}{% endblock %}",
        "form.html": "<form method=post>{{ csrf_field() }}<input name=what></form>{{ csrf_token() }}",
        "flashes.html": "{% for kind, text in flashes() %}<p class={{ kind }}>{{ text }}</p>{% endfor %}",
        "links.html": "{{ url_for('show', id=5, q='a&b') }}",
        "nonce.html": "<script nonce={{ csp_nonce() }}></script>",
        "path.html": "{{ request.path }}",
        "wrong.html": "{% if %}",
    }
    for name, text in pages.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_what_is_put_in_is_escaped(folder: Path) -> None:
    page = Templates(folder).render("hello.html", name="' onload='x" + EVIL)
    assert page.headers["content-type"] == "text/html; charset=utf-8" and page.status == 200
    assert page.body == (
        b"<p title='&#39; onload=&#39;x&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;'>"
        b"&#39; onload=&#39;x&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;</p>"
    )


@pytest.mark.parametrize(
    ("name", "content_type", "escaped"),
    [
        ("hello.html", "text/html; charset=utf-8", True),
        ("hello.html.j2", "text/html; charset=utf-8", True),
        ("hello.svg", "image/svg+xml", True),
        ("hello", "text/html; charset=utf-8", True),
        ("child.html", "text/html; charset=utf-8", True),
        ("hello.txt", "text/plain; charset=utf-8", False),
        ("hello.txt.jinja", "text/plain; charset=utf-8", False),
    ],
)
def test_the_name_says_what_it_is(folder: Path, name: str, content_type: str, escaped: bool) -> None:
    page = Templates(folder).render(name, name=EVIL)
    assert page.headers["content-type"] == content_type
    assert (b"<script>" not in bytes(page.body)) == escaped  # type: ignore[arg-type]


def test_a_text_from_a_string_is_escaped(folder: Path) -> None:
    assert Templates(folder).environment.from_string("{{ x }}").render(x="<") == "&lt;"


def test_a_page_may_be_about_anything(folder: Path) -> None:
    assert Templates(folder).text("hello.txt", name="self", status=5) == "Dear self,"
    assert Templates(folder).render("path.html", request=request("/a")).body == b"/a"


def test_globals_filters_and_options(folder: Path) -> None:
    templates = Templates(
        folder, globals={"name": "all"}, filters={"loud": str.upper}, undefined=jinja2.StrictUndefined
    )
    assert templates.text("hello.txt") == "Dear all,"
    assert templates.environment.from_string("{{ 'x'|loud }}").render() == "X"
    with pytest.raises(jinja2.UndefinedError):
        templates.environment.from_string("{{ typo }}").render()


def test_several_folders(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    own = tmp_path_factory.mktemp("own")
    (own / "hello.txt").write_text("Hi {{ name }}")
    templates = Templates([own, folder])
    assert templates.text("hello.txt", name="x") == "Hi x" and "<p" in templates.text("hello.html")


def test_what_is_missing_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = Templates(folder)
    with pytest.raises(jinja2.TemplateNotFound, match="nothing.html"):
        templates.render("nothing.html")
    with pytest.raises(jinja2.TemplateNotFound):
        templates.render("../" + os.path.basename(folder) + "/hello.txt")
    with pytest.raises(jinja2.TemplateSyntaxError):
        templates.render("wrong.html")
    with pytest.raises(RuntimeError, match=r"url_for needs to know the app: Templates\(folder, app\)"):
        templates.render("links.html")
    for name in ("form.html", "flashes.html", "nonce.html"):
        with pytest.raises(RuntimeError, match=rf"needs the request: templates\.render\('{name}', request=request\)"):
            templates.render(name)
    with pytest.raises(NotADirectoryError, match="there is no folder 'nowhere' of templates"):
        Templates("nowhere")
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match=r'pip install "salver\[templates\]"'):
        Templates(folder)


def site(folder: Path) -> App:
    app = App()
    templates = Templates(folder, app)

    @app.get("/things/{id:int}")
    def show(id: int) -> str:
        return f"thing {id}"

    @app.get("/say")
    def say(request: Request) -> str:
        flash(request, EVIL, "error")
        return ""

    @app.post("/form.html")
    def take(request: Request) -> Any:
        return request.form["what"]

    @app.get("/{name}")
    def page(request: Request, name: str) -> Any:
        return templates.render(name, request=request), 203

    app.use(csrf_protect())
    app.use(sessions(secret_key=SECRET))
    app.use(security_headers(content_security_policy="script-src 'nonce-{nonce}'"))
    return app


def test_links(folder: Path) -> None:
    with TestClient(site(folder)) as client:
        page = client.get("/links.html")
        assert (page.status, page.text) == (203, "/things/5?q=a%26b")


def test_links_of_an_app_that_is_mounted(folder: Path) -> None:
    outer = App()
    outer.mount("/shop", site(folder))
    with TestClient(outer) as client:
        link = client.get("/shop/links.html").text
        assert link == "/shop/things/5?q=a%26b"
        assert client.get(link).text == "thing 5"


def test_a_form_that_can_be_sent(folder: Path) -> None:
    with TestClient(site(folder)) as client:
        page = client.get("/form.html").text
        found = re.fullmatch(
            r'<form method=post><input type="hidden" name="csrf_token" value="([\w-]{86})"><input name=what></form>'
            r"([\w-]{86})",
            page,
        )
        assert found is not None and found[1] != found[2]
        for token in found.groups():
            assert client.post("/form.html", data={"csrf_token": token, "what": "eggs"}).text == "eggs"
        assert client.post("/form.html", data={"what": "eggs"}).status == 403


def test_messages_are_escaped_and_shown_once(folder: Path) -> None:
    with TestClient(site(folder)) as client:
        client.get("/say")
        assert client.get("/flashes.html").text == (
            "<p class=error>&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;</p>"
        )
        assert client.get("/flashes.html").text == ""


def test_the_nonce_is_that_of_the_policy(folder: Path) -> None:
    with TestClient(site(folder)) as client:
        page = client.get("/nonce.html")
        nonce = page.text.removeprefix("<script nonce=").removesuffix("></script>")
        assert page.headers["content-security-policy"] == f"script-src 'nonce-{nonce}'"

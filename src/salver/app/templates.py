"""Pages made from templates by `jinja2` (the extra "templates"), escaped unless it is said otherwise.

A page that is made for a request finds the request in it, and what a page needs of it: `url_for`, the messages that
were flashed, the token of a form, the nonce of the policy. They are functions that look when they are called, so a page
that shows no message takes none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salver.app.csrf import csrf_field, csrf_token
from salver.app.flash import Flash, flashes
from salver.request import Request
from salver.response import Response
from salver.semantics.media_types import MediaTypes

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context

    from salver.app.app import App

_SUFFIXES = (".j2", ".jinja", ".jinja2")  # behind the suffix that says what is made: page.html.j2
_NO_MARKUP = (".txt", ".md", ".csv")
_HTML = "text/html; charset=utf-8"


class Templates:
    """The templates of a folder. Safe to use from several threads."""

    def __init__(
        self,
        folder: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        app: App | None = None,
        *,
        globals: Mapping[str, Any] | None = None,  # noqa: A002 - as jinja2 calls them
        filters: Mapping[str, Callable[..., Any]] | None = None,
        **options: Any,
    ) -> None:
        """`folder`, or several of which the first that has a template counts. `app`: whose views `url_for` finds.
        `globals` and `filters`: what every template can use. `options`: further ones of `jinja2.Environment`
        (`trim_blocks=True`, `undefined=jinja2.StrictUndefined`); `environment` is what comes of it all.

        Everything is escaped, but in templates of plain text (.txt, .md, .csv). Raises ImportError where the extra is
        not installed, and NotADirectoryError where there is no such folder.
        """
        try:
            import jinja2
        except ImportError as error:
            raise ImportError('templates need the extra "templates": pip install "salver[templates]"') from error
        folders = [folder] if isinstance(folder, (str, os.PathLike)) else list(folder)
        for each in folders:
            if not Path(each).is_dir():
                raise NotADirectoryError(f"there is no folder {os.fspath(each)!r} of templates (from {os.getcwd()!r})")
        self._app = app
        self._types = MediaTypes()
        loader = jinja2.FileSystemLoader(folders)
        self.environment: Environment = jinja2.Environment(**{"autoescape": _is_escaped, "loader": loader, **options})
        self.environment.globals.update(self._functions())
        self.environment.globals.update(globals or {})
        self.environment.filters.update(filters or {})

    def render(self, name: str, /, *, request: Request | None = None, **values: Any) -> Response:
        """The page that the template `name` makes of `values`, as a response whose Content-Type is by the name (HTML,
        where that says nothing). Its status and fields are the caller's: `return templates.render(…), 404`.

        Raises `jinja2.TemplateNotFound`, `jinja2.TemplateSyntaxError`, and what the template does.
        """
        return Response(self.text(name, request=request, **values).encode(), content_type=self._content_type(name))

    def text(self, name: str, /, *, request: Request | None = None, **values: Any) -> str:
        """The same as a str, for what is no page (a mail)."""
        return self.environment.get_template(name).render(request=request, **values)

    def _content_type(self, name: str) -> str:
        name = _plain_name(name)
        return self._types.of(name) if "." in name else _HTML

    def _functions(self) -> dict[str, Callable[..., Any]]:
        from jinja2 import pass_context

        @pass_context
        def _url_for(context: Context, view_name: str, /, **params: Any) -> str:
            return self._url_for(context.get("request"), view_name, params)

        @pass_context
        def _csrf_field(context: Context) -> str:
            return csrf_field(_request_in(context, "csrf_field()"))

        @pass_context
        def _csrf_token(context: Context) -> str:
            return csrf_token(_request_in(context, "csrf_token()"))

        @pass_context
        def _flashes(context: Context) -> list[Flash]:
            return flashes(_request_in(context, "flashes()"))

        @pass_context
        def _csp_nonce(context: Context) -> str:
            nonce: str = _request_in(context, "csp_nonce()").attributes["csp_nonce"]
            return nonce

        return {
            "url_for": _url_for,
            "csrf_field": _csrf_field,
            "csrf_token": _csrf_token,
            "flashes": _flashes,
            "csp_nonce": _csp_nonce,
        }

    def _url_for(self, request: Request | None, view_name: str, params: dict[str, Any]) -> str:
        """A path from the root, where the request has come to the app through mounts."""
        if self._app is None:
            raise RuntimeError("url_for needs to know the app: Templates(folder, app)")
        prefix = "" if request is None else request.prefix
        return prefix + self._app.url_for(view_name, **params)


def _request_in(context: Context, what: str) -> Request:
    request = context.get("request")
    if not isinstance(request, Request):
        raise RuntimeError(f"{what} needs the request: templates.render({context.name!r}, request=request)")
    return request


def _plain_name(name: str) -> str:
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _is_escaped(name: str | None) -> bool:
    return name is None or not _plain_name(name).lower().endswith(_NO_MARKUP)
